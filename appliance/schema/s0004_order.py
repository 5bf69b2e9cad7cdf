"""Jobs by service: the next film of each printer is found without a look at those behind it."""

STATEMENTS = (
    "DROP INDEX job_waiting",
    "CREATE INDEX job_next ON job (kind, step, held, ae_title, priority, number)",
)
