"""When things were first seen ended or kept, on the appliance's own calendar: ages that no clock jump changes."""

STATEMENTS = (
    "ALTER TABLE job ADD COLUMN seen DOUBLE PRECISION",
    "ALTER TABLE instance ADD COLUMN seen DOUBLE PRECISION",
    "ALTER TABLE reception ADD COLUMN seen DOUBLE PRECISION",
)
