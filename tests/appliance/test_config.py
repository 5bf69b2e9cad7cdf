"""Configuration: every key of the built-in defaults, and every problem at once, with its key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from appliance.cli import cli
from appliance.config import Config, ConfigProblem
from appliance.policy import access_policy


def toml(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "gravure.toml"
    file.write_text(text)
    return file


RAW = '[printers.FILM]\noutput = "raw"\nurl = "socket://192.0.2.1"\n'
RELAY = """[printers.{}]
output = "dicom"
peer = "DRYPIX"
[peers.DRYPIX]
ae_title = "{}"
address = "127.0.0.1"
port = {}
"""
ALIAS = '[printers.TRAY]\noutput = "dicom"\npeer = "AGAIN"\naliases = ["OTHER"]\n' + (
    '[peers.AGAIN]\nae_title = "FILM"\naddress = "localhost"\nport = 11112\n'
)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigProblem) as failure:
        Config.load(toml(tmp_path, text))
    return failure.value.problems


def test_nothing_configured_is_one_of_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    config = Config.from_dict({})
    assert (list(config.printers), list(config.discs), list(config.inboxes)) == (["FILM"], ["BURN_CD"], ["STORE"])
    assert (config.listen.address, config.listen.port) == (("127.0.0.1",), 11112)
    assert config.appliance.ae_title == "GRAVURE" and config.state == tmp_path / "gravure"
    assert config.unknown_peers == "accept"
    assert (config.printers["FILM"].dpi, config.printers["FILM"].status_policy) == (300, "spooler")
    assert (config.discs["BURN_CD"].profile, config.discs["BURN_CD"].medium) == ("STD-GEN-CD", "CD-80")
    assert config.discs["BURN_CD"].quiet_seconds == 30


def test_the_example_of_the_operator_guide_is_valid() -> None:
    example = Path(__file__).resolve().parents[2] / "systemd" / "gravure.toml"
    assert Config.load(example).problems() == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[printers.FILM]\ndpi = 10", "printers.FILM.dpi"),
        ("[printers.FILM]\ndip = 300", "printers.FILM.dip"),
        ("[printer.FILM]", "printer"),
        ('[printers."A TITLE THAT IS TOO LONG"]', "AE title"),
        ("[listen]\nport = 70000", "listen.port"),
        ('[listen]\naddress = "0.0.0.0"', "listen.address"),
        ('[discs.X]\nprofile = "STD-NO-SUCH"', "discs.X.profile"),
        ('[discs.X]\nmedium = "FLOPPY"', "discs.X.medium"),
        ("[discs.X]\n[inboxes.X]", "stands in"),
        ('[printers.A]\naliases = ["B"]\n[printers.B]', "stands in"),
        ("[printers.GRAVURE]", "C-ECHO only"),
        ('[access]\nany_called_ae = "NOBODY"', "any_called_ae"),
        ('[access]\nunknown_peers = "perhaps"', "access.unknown_peers"),
        ('[peers.P]\nae_title = "P"\naddress = "300.1.1.1/99"', "peers.P"),
        ('[peers.P]\naddress = "192.0.2.1"', "peers.P.ae_title"),
        ('[printers.FILM]\nfolder = "../../etc"', "printers.FILM.folder"),
        ("[discs.X]\nkeep_days = -1", "discs.X.keep_days"),
        ('[printers.A]\nalso = ["A"]', "printers.A.also: A is this printer itself"),
        ('[printers.A]\nalso = ["B"]', "printers.A.also: there is no [printers.B]"),
        ('[printers.A]\nalso = ["B", "B"]\n[printers.B]', "printers.A.also: a printer stands there twice"),
        ('[printers.A]\nfallback = "A"', "printers.A.fallback: A is this printer itself"),
        ('[printers.A]\nfallback = "B"', "printers.A.fallback: there is no [printers.B]"),
        ("[printers.A]\nfilms_a_day = 5\nkeep_days = 0.5", "printers.A.keep_days: at least 1"),
        ("[printers.A]\nfilms_a_day = -1", "printers.A.films_a_day"),
        ("[limits]\nassociations = 0", "limits"),
        ("[limits]\nnonsense = 1", "limits"),
        ("[appliance]\nreceiving_processes = 0", "appliance.receiving_processes"),
        ('[printers.FILM]\noutput = "raw"', "printers.FILM.url"),
        ('[printers.FILM]\noutput = "raw"\nurl = "ipp://192.0.2.1/"', "printers.FILM.url"),
        ('[printers.FILM]\noutput = "raw"\nurl = "socket://192.0.2.1:99999"', "printers.FILM.url"),
        ('[printers.FILM]\noutput = "raw"\nurl = "socket://a b"', "printers.FILM.url"),
        ('[printers.FILM]\noutput = "ipp"\nurl = "socket://192.0.2.1"', "printers.FILM.url"),
        ('[printers.FILM]\noutput = "ipp"\nurl = "ipp://192.0.2.1:0/x"', "printers.FILM.url"),
        ('[printers.FILM]\nurl = "socket://192.0.2.1"', "printers.FILM.url: output folder has no use for it"),
        ('[printers.FILM]\nscaling = "poster"', "printers.FILM.scaling: output folder has no use for it"),
        ('[printers.FILM]\nmedia = "iso_a4_210x297mm"', "printers.FILM.media: output folder has no use for it"),
        ("[printers.FILM]\nformats = []", "printers.FILM.formats"),
        ('[printers.FILM]\nformats = ["gif"]', "printers.FILM.formats"),
        ('[printers.FILM]\nformats = ["pdf", "pdf"]', "printers.FILM.formats: one of them stands there twice"),
        ("printers = []", "printers: must be a table"),
        ("[printers]\nFILM = 3", "printers.FILM: must be a table"),
        ('[printers.FILM]\naliases = "B"', 'printers.FILM.aliases: must be a list, such as ["A", "B"]'),
        ('[printers.FILM]\n[printers." FILM"]', "printers.FILM: stands there twice"),
        ('[printers.FILM]\nfolder = "store/films"', "printers.FILM.folder: store is a folder of the appliance's own"),
        ('[appliance]\nfile_mode = "0040"', "appliance.file_mode"),
        ('[appliance]\nstate = "~nobody-of-this-name/x"', "appliance.state: there is no such home folder"),
        ('[appliance]\nstate = "a\\u0000b"', "appliance.state: no folder"),
        ('[listen]\naddress = ["127.0.0.1", "127.0.0.1"]', "127.0.0.1 stands there twice"),
        (
            '[access]\nunknown_peers = "reject"\n[listen]\naddress = ["127.0.0.1", "0.0.0.0"]',
            "0.0.0.0 is every address",
        ),
        ("[limits]\nhandshake_s = nan", "limits.handshake_s: must be a number above 0"),
        ("[limits]\nidle_print_s = inf", "limits.idle_print_s: must be a number above 0"),
        ("[limits]\npdu_bytes = 5_000_000_000", "limits.pdu_bytes: from 4096 to"),
        ("[limits]\nassociate_bytes = 10", "limits.associate_bytes: from 4096 to"),
        ("[limits]\npdu_tolerated_bytes = 8192", "limits.pdu_tolerated_bytes: less than pdu_bytes"),
        ("[limits]\ncontexts = 129", "limits.contexts: from 1 to 128"),
        ("[inboxes.X]\nidle_seconds = -1", "inboxes.X.idle_seconds"),
        (f'{RAW}formats = ["png"]', "printers.FILM.formats: output raw has no use for it"),
        (f'{RAW}scaling = "poster"', "printers.FILM.scaling: output raw needs media"),
        (f'{RAW}format = "pwg"\nbits = 16', "printers.FILM.bits: pwg has 8"),
        (f'{RAW}media = "a4"', "printers.FILM.media: a name with its size"),
        ("[printers.FILM]\nslides = [0, 5]", "printers.FILM.slides: columns and rows"),
        ("[printers.FILM]\nsuperslides = [50, 50]", "printers.FILM.superslides: columns and rows, of 400 cells"),
        ("[printers.FILM.custom.1]\nboxes = []", "printers.FILM.custom.1.boxes: 1 to 400 boxes"),
        ("[printers.FILM.custom.0]\nboxes = [[0, 0, 9, 9]]", "printers.FILM.custom.0: the key is the number"),
        (RELAY.format("FILM", "FILM", 11112), "printers.FILM.peer: DRYPIX is this appliance"),
        (RELAY.format("FILM", "OTHER", 11112) + ALIAS, "printers.FILM.peer: DRYPIX is this appliance"),
        ('[printers.FILM]\ndpi = "300"', "printers.FILM.dpi: must be a number, without quotation marks"),
        ('[printers.FILM]\nhigh_dpi = "600"', "printers.FILM.high_dpi: must be a number"),
        ('[printers.FILM]\nslides = ["5", 6]', "printers.FILM.slides.0: must be a number"),
        ('[printers.FILM]\nsuccess_only = "no"', "printers.FILM.success_only: must be true or false, without"),
        ('[printers.FILM.custom.1]\nboxes = [[0, 0, "9", 9]]', "printers.FILM.custom.1.boxes.0.2: must be a number"),
        ('[printers.FILM.imager]\nown_uids = "true"', "printers.FILM.imager.own_uids: must be true or false"),
        ('[discs.X]\nkeep_days = "7"', "discs.X.keep_days: must be a number"),
        ('[peers.P]\nae_title = "P"\nport = "104"', "peers.P.port: must be a number"),
        ('[listen]\nport = "104"', "listen.port: must be a number"),
        ('[limits]\nassociations = "9"', "limits.associations: must be a number"),
        ('[limits]\nhandshake_s = "9.5"', "limits.handshake_s: must be a number"),
        ("[printers.FILM]\nborder_density = 150", "printers.FILM.border_density: must be text"),
        (f'{RAW}media = "na_index-3x5_3x5in"\nmargin_mm = 30', "printers.FILM.margin_mm: nothing of"),
    ],
)
def test_a_problem_is_told_with_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    found = problems(tmp_path, text)
    assert any(words in line for line in found), found
    assert all(line.startswith(str(tmp_path / "gravure.toml")) for line in found)


@pytest.mark.parametrize(
    "text",
    [
        f'{RAW}format = "pwg"\nmedia = "iso_a4_210x297mm"\nscaling = "poster"\nmargin_mm = 0',
        RAW.replace("192.0.2.1", "[2001:db8::1]:9101"),
        '[printers.FILM]\noutput = "ipp"\nurl = "ipps://printer.example:8631/ipp/print"\nscaling = "true"',
        '[printers.FILM]\nformats = ["tiff", "png", "pdf"]\nbits = 16',
        '[access]\nunknown_peers = "reject"\n[listen]\naddress = ["::", "0.0.0.0"]',
        "[printers]",
        # Texts that look like numbers, where a text belongs, and a number in whole for one with a fraction.
        '[printers.1]\nborder_density = "150"\nempty_image_density = "20"\nserial_number = "4711"\naliases = ["2"]',
        '[appliance]\nfile_mode = "0640"\ninstitution = "300"\n[discs.X]\nkeep_days = 7\nquiet_seconds = 1.5',
        '[printers.FILM.annotations]\n1 = ["top left"]',
        RELAY.format("FILM", "FILM", 11113),
        RELAY.format("FILM", "TRAY", 11112) + "[printers.TRAY]",
    ],
)
def test_what_goes_together_is_no_problem(tmp_path: Path, text: str) -> None:
    assert Config.load(toml(tmp_path, text)).problems() == []


def test_a_number_in_quotation_marks_is_told_once_and_beside_the_others(tmp_path: Path) -> None:
    found = problems(tmp_path, '[printers.FILM]\ndpi = "10"\nbits = 9\n[listen]\nport = "x"')
    assert sorted(line.split(": ")[1] for line in found) == ["listen.port", "printers.FILM.bits", "printers.FILM.dpi"]


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, "[printers.FILM]\ndpi = 1\nkeep_days = -1\n[discs.X]\nmedium = 3\n[listen]\nport = -1")
    assert len(found) == 4


@pytest.mark.parametrize("text", ["[printers.FILM", "a = ", "[a]\n[a]", "\0", "x = 1\nx = 2"])
def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path, text: str) -> None:
    (line,) = problems(tmp_path, text)
    assert "line" in line or "char" in line or "end of document" in line, line


def test_a_file_of_windows_is_one_too_and_one_of_another_alphabet_is_said(tmp_path: Path) -> None:
    file = toml(tmp_path, "")
    file.write_bytes(b'\xef\xbb\xbf[appliance]\r\ninstitution = "H\xc3\xb4pital"\r\n')
    assert Config.load(file).appliance.institution == "Hôpital"
    file.write_bytes(b'[appliance]\ninstitution = "H\xf4pital"\n')
    with pytest.raises(ConfigProblem) as failure:
        Config.load(file)
    assert failure.value.problems == [f"{file}: not TOML: not written in UTF-8 (at line 2)"]


def test_a_file_that_is_not_there_or_not_readable_is_a_problem(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(ConfigProblem):
            Config.load(path)


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAVURE_CONFIG", str(toml(tmp_path, '[appliance]\nae_title = "OTHER"')))
    assert Config.load().appliance.ae_title == "OTHER"


def test_outer_spaces_of_a_title_go_and_case_stays(tmp_path: Path) -> None:
    config = Config.load(toml(tmp_path, '[appliance]\nae_title = "  My Film "\n[printers.film]\n[printers.FILM]'))
    assert config.appliance.ae_title == "My Film" and set(config.printers) == {"film", "FILM"}


def test_two_printers_may_stand_in_for_each_other(tmp_path: Path) -> None:
    config = Config.load(
        toml(tmp_path, '[printers.A]\nfallback = "B"\nalso = "C"\n[printers.B]\nfallback = "A"\n[printers.C]')
    )
    assert config.printers["A"].also == ("C",) and config.printers["B"].fallback == "A"


def test_one_title_may_be_a_printer_and_a_disc_station(tmp_path: Path) -> None:
    config = Config.load(toml(tmp_path, "[printers.BOTH]\n[discs.BOTH]"))
    assert config.problems() == []


@pytest.mark.parametrize(
    ("address", "explicit", "expected"),
    [("127.0.0.1", None, "accept"), ("::1", None, "accept"), ("0.0.0.0", "echo-only", "echo-only")],
)
def test_strangers_are_welcome_on_loopback_alone(address: str, explicit: str | None, expected: str) -> None:
    tables: dict[str, Any] = {"listen": {"address": address}}
    if explicit:
        tables["access"] = {"unknown_peers": explicit}
    assert Config.from_dict(tables).unknown_peers == expected


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["127.0.0.1"], "accept"),
        (["127.0.0.1", "::1"], "accept"),
        (["::"], "reject"),  # ListenStream=104
        (["0.0.0.0"], "reject"),
        (["127.0.0.1", "192.0.2.1"], "reject"),
        (["fe80::1%eth0"], "reject"),
        (["/run/gravure.dicom"], "reject"),
    ],
)
@pytest.mark.parametrize("written", ["127.0.0.1", "0.0.0.0"])
def test_inherited_sockets_decide_about_strangers_whatever_is_written(
    written: str, addresses: list[str], expected: str
) -> None:
    known = {"CT1": {"ae_title": "CT1", "address": "192.0.2.21"}}
    config = Config.from_dict({"listen": {"address": written}, "peers": known}).listening_on(addresses)
    there = Config.model_validate_json(config.model_dump_json())  # as a receiving process gets it
    for one in (config, there):
        assert one.unknown_peers == expected
        assert access_policy(one).caller("STRANGER", "192.0.2.99").admitted == (expected == "accept")
        assert access_policy(one).caller("CT1", "192.0.2.21").admitted


def test_an_inherited_socket_on_a_network_needs_peers_or_a_word_about_them() -> None:
    with pytest.raises(ConfigProblem) as failure:
        Config.default().listening_on(["::"])
    assert "inherited socket on ::" in str(failure.value) and "access.unknown_peers" in str(failure.value)
    said = Config.from_dict({"access": {"unknown_peers": "accept"}})
    assert said.listening_on(["::"]).unknown_peers == "accept"


def test_a_network_of_peers_opens_a_listener_and_rejects_the_rest() -> None:
    config = Config.from_dict(
        {"listen": {"address": "0.0.0.0"}, "peers": {"NET": {"ae_title": "*", "address": ["192.0.2.0/24"]}}}
    )
    assert config.unknown_peers == "reject"


def test_a_configuration_survives_the_way_to_another_process(tmp_path: Path) -> None:
    config = Config.load(
        toml(tmp_path, "[printers.FILM.custom]\n1 = {boxes = [[0, 0, 50, 50]]}\n[limits]\nassociations = 7\n[discs.X]")
    )
    assert Config.model_validate_json(config.model_dump_json()) == config


def test_check_prints_problems_or_the_titles_in_effect(tmp_path: Path) -> None:
    here = f'[appliance]\nstate = "{tmp_path}"\n[listen]\nport = 0\n'
    good = toml(tmp_path, f'{here}[printers.FILM]\naliases = ["PRINTER1"]\n[discs.BURN_CD]')
    done = CliRunner().invoke(cli, ["check", "--config", str(good)])
    assert done.exit_code == 0 and "PRINTER1" in done.output and "BURN_CD" in done.output
    bad = toml(tmp_path, "[printers.FILM]\ndpi = 1\n[discs.X]\nmedium = 2")
    done = CliRunner().invoke(cli, ["check", "--config", str(bad)])
    assert done.exit_code == 1 and "dpi" in done.output and "medium" in done.output


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ("", "folder films,"),
        ('output = "ipp"\nurl = "ipp://192.0.2.40/ipp/print"', "ipp ipp://192.0.2.40/ipp/print,"),
        ('output = "raw"\nurl = "socket://192.0.2.41"', "raw socket://192.0.2.41,"),
        ('output = "dicom"\npeer = "IMAGER"', "dicom IMAGER (DRYPIX@192.0.2.50:104),"),
        ('output = "archive"\npeer = "IMAGER"', "archive IMAGER (DRYPIX@192.0.2.50:104),"),
    ],
)
def test_check_says_where_films_go(tmp_path: Path, table: str, place: str) -> None:
    peer = '[peers.IMAGER]\nae_title = "DRYPIX"\naddress = ["192.0.2.0/24", "192.0.2.50"]\n'
    file = toml(tmp_path, f"{peer}[printers.FILM]\n{table}")
    assert f"films to {place} 300 dpi" in CliRunner().invoke(cli, ["check", "--config", str(file)]).output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[printers.FILM]\nhigh_dpi = 150", "printers.FILM.high_dpi: below dpi, 300: no film is HIGH"),
        (RELAY.format("FILM", "X", 1) + '[printers.FILM.imager]\nfilm_sizes = { 35X43 = "14INX17IN" }', "35X43 is no"),
        (
            RELAY.format("FILM", "X", 1) + '[printers.FILM.imager]\nmedium_types = { FILM = "BLUE FILM" }',
            "FILM is none of PAPER, CLEAR FILM",
        ),
    ],
)
def test_what_has_no_effect_is_said(tmp_path: Path, text: str, words: str) -> None:
    file = toml(tmp_path, text)
    done = CliRunner().invoke(cli, ["check", "--config", str(file)])
    assert done.exit_code == 0 and words in done.output


@pytest.mark.parametrize("language", ["fr-CA", "DE", "en"])
def test_a_known_language_is_no_remark(language: str) -> None:
    assert not list(Config.from_dict({"appliance": {"language": language}}).remarks())


def test_an_unknown_language_is_said_and_keeps_nobody_from_starting(tmp_path: Path) -> None:
    file = toml(tmp_path, f'[appliance]\nstate = "{tmp_path}"\nlanguage = "french"\n[listen]\nport = 0\n')
    done = CliRunner().invoke(cli, ["check", "--config", str(file)])
    assert done.exit_code == 0
    assert f"{file}: appliance.language: 'french' is none of en, fr, de: discs are in English" in done.output


@pytest.mark.parametrize("command", ["serve", "status", "jobs", "peers"])
def test_no_command_runs_on_a_broken_configuration(tmp_path: Path, command: str) -> None:
    done = CliRunner().invoke(cli, [command, "--config", str(toml(tmp_path, "[printers.FILM]\ndpi = 1"))])
    assert done.exit_code == 1 and "dpi" in done.output


def test_a_peer_that_another_one_hides_is_said(tmp_path: Path) -> None:
    one = '[peers.{0}]\nae_title = "CT"\naddress = {1}\n'
    hidden = one.format("A", '["192.0.2.1", "192.0.2.2"]') + one.format("B", '["192.0.2.2", "192.0.2.1"]')
    (remark,) = Config.load(toml(tmp_path, hidden)).remarks()
    assert remark.startswith("peers.B: nobody:") and "peers.A" in remark
    assert not list(Config.load(toml(tmp_path, hidden.replace('["192.0.2.2", "192.0.2.1"]', '"192.0.2.3"'))).remarks())
