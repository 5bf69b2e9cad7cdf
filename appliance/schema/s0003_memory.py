"""What the appliance remembers of itself between two starts."""

STATEMENTS = (
    "CREATE TABLE memory (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE INDEX reception_study ON reception (ae_title, study_instance_uid)",
)
