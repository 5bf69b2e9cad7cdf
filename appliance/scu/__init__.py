"""What we call others for: C-ECHO, C-STORE and Print as SCU, on stock pynetdicom."""
