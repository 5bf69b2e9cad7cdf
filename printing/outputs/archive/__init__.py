"""Films in an archive: Secondary Capture or Encapsulated PDF by C-STORE to a PACS.

A print dialogue carries no patient. A film goes to the archive under the patient of its clues where they cover the
whole film and agree; else a person decides, and it goes under a Patient ID of its own. The UIDs of a film follow from
its job: sent again, it is the same instance.
"""
