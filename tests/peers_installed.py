"""Foreign peers by the name of their package, and the program that shows that it is there.

DCMTK stands with its full path: installing pynetdicom puts programs of the same names into the virtual environment.
"""

from __future__ import annotations

import shutil
import subprocess
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
    "fuseiso": "fuseiso",
    "openjph-tools": "ojph_compress",
    "strace": "strace",
    "faketime": "faketime",
    "ghostscript": "gs",
    "mupdf-tools": "mutool",
    "systemd": "systemd-analyze",
    "util-linux": "setpriv",
    "netpbm": "pngtopnm",
    "libtiff-tools": "tiffinfo",
    "openssl": "openssl",
    "cups": "/usr/sbin/cupsd",
    "cups-filters": "/usr/lib/cups/filter/pdftopdf",
}


@cache
def missing(*packages: str) -> tuple[str, ...]:
    """Those of these packages whose program is not there."""
    return tuple(package for package in packages if shutil.which(PROGRAMS[package]) is None)


@cache
def versions() -> dict[str, str]:
    """Package and version of those that are there: what a result was found with. Nothing where there is no dpkg."""
    if shutil.which("dpkg-query") is None:
        return {}
    command = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\\n", *PROGRAMS]
    rows = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()  # status 1: some are missing
    return {package: version for state, package, version in map(str.split, rows) if state == "installed"}


def versions_line() -> str:
    """The same for people, without Debian's revisions."""
    found = ", ".join(f"{package} {version.rpartition('-')[0] or version}" for package, version in versions().items())
    return f"peers: {found or 'none known'}"
