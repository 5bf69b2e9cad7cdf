"""From a DICOM print dialogue to a page, and from a page to ink (PS3.4 Annex H)."""
