"""Foreign peers by the name of their package, and the program that shows that it is there.

DCMTK stands with its full path: installing pynetdicom puts programs of the same names into the virtual environment.
"""

from __future__ import annotations

import shutil
from functools import cache

PROGRAMS = {
    "dcmtk": "/usr/bin/storescu",
    "ctn": "print_client",
    "dicom3tools": "/usr/bin/dciodvfy",
    "libgdcm-tools": "gdcmdump",
    "orthanc": "Orthanc",
    "xorriso": "xorriso",
    "genisoimage": "isoinfo",
    "poppler-utils": "pdftoppm",
    "libarchive-tools": "bsdtar",
    "libcdio-utils": "iso-info",
    "cups-ipp-utils": "ippeveprinter",
    "avahi-daemon": "avahi-daemon",
    "dbus": "dbus-daemon",
    "p7zip-full": "7z",
    "strace": "strace",
    "ghostscript": "gs",
    "mupdf-tools": "mutool",
    "systemd": "systemd-analyze",
    "util-linux": "setpriv",
    "netpbm": "pngtopnm",
    "libtiff-tools": "tiffinfo",
    "cups": "/usr/sbin/cupsd",
    "cups-filters": "/usr/lib/cups/filter/pdftopdf",
}


@cache
def missing(*packages: str) -> tuple[str, ...]:
    """Those of these packages whose program is not there."""
    return tuple(package for package in packages if shutil.which(PROGRAMS[package]) is None)
