"""Gravure: a DICOM film and disc appliance. The program; `printing` and `media` are its two libraries."""

__version__ = "0.1.0"
