"""One thin file per service class: from a DIMSE request to the rooms, and back."""
