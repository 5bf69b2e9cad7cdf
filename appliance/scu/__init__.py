"""What we call others for: C-ECHO, C-STORE and Print as SCU, on the requestor of `printing.outputs.scu`."""
