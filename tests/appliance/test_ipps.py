"""Films over TLS (RFC 7472): a printer whose certificate is not trusted gets nothing, unless the configuration says so.

The printer is ippeveprinter with certificates that openssl made for it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from printing.ipp.client import IppClient, NotSent
from tests.appliance.test_ipp import TOML, console
from tests.ipp_printer import IppPrinter
from tests.raw_printer import RawPrinter
from tests.serving import Serving

pytestmark = [
    pytest.mark.peers("cups-ipp-utils", "avahi-daemon", "dbus", "openssl"),
    pytest.mark.skipif(os.getuid() != 0, reason="avahi needs root"),
]


def certify(folder: Path, names: str) -> None:
    """A key and a self-signed certificate for a host of these names, where ippeveprinter looks for them."""
    folder.mkdir(exist_ok=True)
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", folder / "localhost.key", "-out", folder / "localhost.crt"]
    subprocess.run([*command, "-addext", f"subjectAltName={names}", *files], check=True, capture_output=True)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IppPrinter]:
    folder = tmp_path_factory.mktemp("printer")
    certify(folder / "keys", "DNS:localhost,IP:127.0.0.1")
    one = IppPrinter(folder / "printer", options=("-K", str(folder / "keys")))
    try:
        yield one.start()
    finally:
        one.stop()


@pytest.fixture
def keys(machine: IppPrinter) -> Path:
    return Path(machine.options[1])


def posts(printer: IppPrinter) -> int:
    return (printer.folder / "printer.log").read_bytes().count(b" POST ")


def secure(printer: IppPrinter) -> str:
    return printer.url.replace("ipp://", "ipps://")


def test_a_film_goes_over_tls_to_a_printer_that_is_trusted(tmp_path: Path, machine: IppPrinter, keys: Path) -> None:
    before = len(machine.sheets)
    one = Serving(tmp_path, f'url = "{secure(machine)}"', TOML).start(SSL_CERT_FILE=str(keys / "localhost.crt"))
    try:
        assert console(one).whole_film().status == 0
        (job,) = one.all_ended()
        assert job["state"] == "DONE" and len(machine.sheets) == before + 1
    finally:
        one.kill()


def test_an_untrusted_printer_gets_nothing_until_verify_certificate_is_off(tmp_path: Path, machine: IppPrinter) -> None:
    sheets, asked = len(machine.sheets), posts(machine)
    one = Serving(tmp_path, f'url = "{secure(machine)}"', TOML).start()
    try:
        assert console(one).whole_film().status == 0
        (job,) = one.until(lambda jobs: jobs[0]["error"])
        assert (job["state"], job["held"]) == ("PENDING", False)
        assert "is not trusted" in job["error"] and "verify_certificate = false" in job["error"], job["error"]
        assert (len(machine.sheets), posts(machine)) == (sheets, asked), "something was sent"
        one.kill()
        one.config.write_text(one.config.read_text().replace("dpi = 100", "dpi = 100\nverify_certificate = false"))
        one.start()
        (job,) = one.all_ended()
        assert job["state"] == "DONE" and len(machine.sheets) == sheets + 1
    finally:
        one.kill()


def test_the_certificate_of_another_host_is_refused(
    tmp_path: Path, machine: IppPrinter, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    certify(other, "DNS:elsewhere.example")
    machine.off()
    kept, machine.options = machine.options, ("-K", str(other))
    machine.on()
    asked = posts(machine)
    one = Serving(tmp_path, f'url = "{secure(machine)}"', TOML).start(SSL_CERT_FILE=str(other / "localhost.crt"))
    try:
        assert console(one).whole_film().status == 0
        (job,) = one.until(lambda jobs: jobs[0]["error"])
        assert "127.0.0.1" in job["error"] and "verify_certificate = false" in job["error"], job["error"]
        assert posts(machine) == asked
    finally:
        one.kill()
        machine.off()
        machine.options = kept
        machine.on()


def test_a_device_without_tls_is_said_to_have_none(tmp_path: Path) -> None:
    device = RawPrinter(tmp_path / "device").on()
    device.says = b"HTTP/1.1 400 Bad Request\r\n\r\n"  # what servers of plain HTTP make of a TLS greeting
    try:
        with pytest.raises(NotSent, match="speaks no TLS"):
            IppClient(f"ipps://127.0.0.1:{device.port}/ipp/print", timeout_s=2).printer_attributes()
    finally:
        device.stop()
