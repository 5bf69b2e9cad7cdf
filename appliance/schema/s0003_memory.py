"""What the appliance remembers of itself between two starts."""

STATEMENTS = ("CREATE TABLE memory (name TEXT PRIMARY KEY, value TEXT NOT NULL)",)
