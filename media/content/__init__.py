"""What lies beside the DICOM content on a disc."""
