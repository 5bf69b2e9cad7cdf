"""Pages that are drawn from numbers: the step chart of a calibration, and test pages."""
