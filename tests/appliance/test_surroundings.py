"""`gravure check`, and the appliance, on a machine that lacks what the configuration wants."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance import Appliance, Config, daemon
from appliance.cli import cli
from appliance.surroundings import missing


def config(tmp_path: Path, **tables: dict[str, object]) -> Config:
    appliance = {"state": str(tmp_path / "state"), **tables.pop("appliance", {})}
    return Config.from_dict({"appliance": appliance, "listen": {"port": 0}, **tables})


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"appliance": {"state": "{file}"}}, "appliance.state: {file} is no folder"),
        ({"appliance": {"state": "{file}/below"}}, "appliance.state: {file} is no folder"),
        ({"appliance": {"state": "{tmp}/" + "x" * 300}}, "appliance.state: {tmp}/xxx"),
        ({"printers": {"FILM": {"folder": "{file}"}}}, "printers.FILM.folder: {file} is no folder"),
        ({"discs": {"CD": {"folder": "{file}/discs"}}}, "discs.CD.folder: {file} is no folder"),
        ({"appliance": {"file_group": "nobody-of-this-name"}}, "appliance.file_group: there is no group"),
        ({"appliance": {"fonts": ["{tmp}/none.ttf"]}}, "appliance.fonts: {tmp}/none.ttf: no TrueType font"),
        ({"appliance": {"fonts": ["{file}"]}}, "appliance.fonts: {file}: no TrueType font"),
        ({"peers": {"CT": {"ae_title": "CT", "address": "nowhere.invalid"}}}, "peers.CT.address: no host of the name"),
        ({"listen": {"address": "203.0.113.1"}, "access": {"unknown_peers": "reject"}}, "listen.address: 203.0.113.1"),
    ],
)
def test_what_is_missing_is_said(tables: dict[str, object], words: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no font, no folder")

    def placed(value: object) -> object:
        if isinstance(value, dict):
            return {key: placed(one) for key, one in value.items()}
        if isinstance(value, list):
            return [placed(one) for one in value]
        return str(value).replace("{file}", str(tmp_path / "file")).replace("{tmp}", str(tmp_path))

    (line,) = missing(config(tmp_path, **placed(tables)))  # type: ignore[arg-type]
    assert line.startswith(str(placed(words)))


def test_a_folder_that_is_not_ours_to_write_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root, who runs tests too, may write everywhere
    lines = list(missing(config(tmp_path)))
    assert lines == [f"appliance.state: {tmp_path} cannot be written to"]
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    os.chown(tmp_path, 1234, -1) if os.getuid() == 0 else pytest.skip("needs root")
    assert list(missing(config(tmp_path))) == [], "what is another user's is that user's to write"


def test_a_port_that_another_program_has_and_one_that_we_have(tmp_path: Path) -> None:
    async def check(port: int) -> list[str]:
        return await asyncio.to_thread(
            lambda: list(missing(config(tmp_path, listen={"address": "127.0.0.1", "port": port})))
        )

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            (line,) = await check(port)
            assert line.startswith(f"listen.port: {port} on 127.0.0.1 is taken")
        async with Appliance(config(tmp_path)) as running:
            assert await check(running.dicom_port) == []

    asyncio.run(run())


def test_check_tells_it_and_still_shows_what_is_in_effect(tmp_path: Path) -> None:
    file = tmp_path / "gravure.toml"
    file.write_text(f'[appliance]\nstate = "{tmp_path}"\nfile_group = "nobody-of-this-name"\n[listen]\nport = 0\n')
    done = CliRunner().invoke(cli, ["check", "--config", str(file)])
    assert done.exit_code == 1 and done.output.startswith(f"{file}: appliance.file_group: there is no group")
    assert "BURN_CD" in done.output


def test_both_families_are_listened_on_in_either_order(tmp_path: Path) -> None:
    async def run(*addresses: str) -> None:
        async with Appliance(
            config(tmp_path, listen={"address": list(addresses), "port": 0}, access={"unknown_peers": "accept"})
        ) as running:
            for host in ("127.0.0.1", "::1"):
                with socket.create_connection((host, running.dicom_port), 5):
                    pass

    asyncio.run(run("::", "0.0.0.0"))
    asyncio.run(run("0.0.0.0", "::"))
    asyncio.run(run("::"))


def test_a_peer_whose_host_nobody_knows_keeps_no_other_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        if not known:
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (known[0], 0))]

    async def run() -> None:
        async with Appliance(
            config(
                tmp_path,
                access={"unknown_peers": "reject"},
                peers={
                    "PACS": {"ae_title": "PACS", "address": "pacs.example"},
                    "CT": {"ae_title": "CT", "address": "127.0.0.1"},
                },
            )
        ) as running:
            server = running.server
            assert server.access.left_out == ("PACS",) and server.access.caller("CT", "127.0.0.1").admitted
            assert not server.access.caller("PACS", "127.0.0.9").admitted
            known.append("127.0.0.9")
            for _ in range(200):
                await asyncio.sleep(0.02)
                if not server.access.left_out:
                    break
            assert server.access.caller("PACS", "127.0.0.9").peer == "PACS"
            assert not server.access.caller("PACS", "127.0.0.1").admitted

    monkeypatch.setattr("appliance.association.access.socket.getaddrinfo", look_up)
    monkeypatch.setattr(daemon, "LOOK_UP_S", 0.05)
    asyncio.run(run())
