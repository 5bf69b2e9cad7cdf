"""Personalities: which keys a dialogue gets, from whom, and which console a caller is."""

from __future__ import annotations

import time
import tomllib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.cli.check import check
from appliance.config import Config, ConfigProblem
from appliance.peers import SHIPPED, BadProfile, Personalities, Recognition, read_profiles, recognized, shipped
from appliance.personality import DEFAULT, KEYS, Layer, Personality, Resolved
from tests.appliance.print_rig import NetworkConsole
from tests.serving import serving


@dataclass
class Device:
    """A console that has associated."""

    id: str = "a1"
    calling_ae_title: str = "CONSOLE"
    peer_address: str = "192.0.2.7"
    peer: str | None = None
    implementation_class_uid: str = "1.2.3.4"
    implementation_version_name: str = ""


AGFA = Device(
    calling_ae_title="NX_DEFAULT", implementation_class_uid="1.3.51.0.1.3", implementation_version_name="DPM1.00"
)


def profile(folder: Path, name: str, recognized_by: str, personality: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(
        f'device = "x"\nknown_from = "y"\nrecognized_by = [{{ {recognized_by} }}]\n[personality]\n{personality}\n'
    )


# -- layers -----------------------------------------------------------------------------------------------------------


def test_nobody_set_anything() -> None:
    found = Resolved.of()
    assert found.personality == Personality() and set(found.origins.values()) == {DEFAULT}
    assert found.lines() == [] and not found.personality.strict


def test_later_layers_win_key_by_key() -> None:
    found = Resolved.of(
        Layer("a", {"success_only": True, "events": False}),
        Layer("b", {"success_only": False, "personality": "strict"}),
    )
    assert (found.personality.success_only, found.personality.events, found.personality.strict) == (False, False, True)
    assert found.lines() == ['personality = "strict" (b)', "success_only = false (b)", "events = false (a)"]


def test_a_key_that_was_set_to_its_default_counts() -> None:
    config = Config.from_dict(
        {"printers": {"FILM": {"success_only": True}}, "peers": {"CT": {"ae_title": "CT1", "success_only": False}}}
    )
    found = Personalities(config).of_peer("FILM", "CT")
    assert found.personality.success_only is False
    assert found.origins["success_only"] == "peers.CT"


def test_the_more_exact_wins(tmp_path: Path) -> None:
    own = tmp_path / "own"
    profile(own, "rooms", 'ae_title = "NX_*"', "duplicate_film_seconds = 5\nevents = false")
    tables = {
        "appliance": {"state": str(tmp_path)},
        "access": {"profiles": "own"},
        "printers": {"FILM": {"duplicate_film_seconds": 9, "events": True, "skip_empty_films": True}, "OTHER": {}},
        "peers": {"NX": {"ae_title": "NX_DEFAULT", "events": True}},
    }
    personalities = Personalities(Config.from_dict(tables))
    known = Device(**{**vars(AGFA), "peer": "NX"})
    found = personalities.resolved("FILM", known)
    assert (found.personality.duplicate_film_seconds, found.origins["duplicate_film_seconds"]) == (
        5,
        f"{own}/rooms.toml",
    )
    assert (found.personality.events, found.origins["events"]) == (True, "peers.NX")
    assert (found.personality.skip_empty_films, found.origins["skip_empty_films"]) == (True, "printers.FILM")
    stranger = personalities.resolved("FILM", Device())
    assert stranger.origins["duplicate_film_seconds"] == "printers.FILM"
    assert personalities.resolved("OTHER", Device()).lines() == []


def test_what_we_ship_is_weaker_than_what_is_written() -> None:
    config = Config.from_dict({"printers": {"FILM": {"duplicate_film_seconds": 0}, "OTHER": {}}})
    personalities = Personalities(config)
    assert personalities.of("FILM", AGFA).duplicate_film_seconds == 0
    assert personalities.of("OTHER", AGFA).duplicate_film_seconds == 60


# -- recognition ------------------------------------------------------------------------------------------------------

ORDER = [
    {"implementation_class_uid": "1.3.51.*"},
    {"implementation_class_uid": "1.3.51.0.1.*"},
    {"implementation_class_uid": "1.3.51.0.1.3"},
    {"implementation_version_name": "DPM*"},
    {"implementation_version_name": "DPM1.00"},
    {"implementation_version_name": "DPM1.00", "implementation_class_uid": "1.3.51.0.1.3"},
    {"ae_title": "NX_*"},
    {"ae_title": "NX_DEFAUL?"},
    {"ae_title": "NX_DEFAULT"},
    {"ae_title": "NX_DEFAULT", "implementation_version_name": "DPM1.00"},
    {"address": "192.0.0.0/16"},
    {"address": "192.0.2.0/24"},
    {"address": "192.0.2.0/24", "ae_title": "NX_DEFAULT"},
    {"address": "192.0.2.7"},
]


@pytest.mark.parametrize(("less", "more"), list(pairwise(ORDER)), ids=str)
def test_the_most_specific_wins(tmp_path: Path, less: dict[str, str], more: dict[str, str]) -> None:
    for number, way in enumerate((less, more)):
        written = ", ".join(f'{key} = "{value}"' for key, value in way.items())
        profile(tmp_path / str(number), "p", written, "events = false")
    found = [read_profiles(tmp_path / str(number), str(number))[0] for number in (0, 1)]
    for profiles in (found, found[::-1]):
        best = recognized(profiles, AGFA)
        assert best is not None and best.origin == "1/p.toml"


@pytest.mark.parametrize(
    "way",
    [
        {"implementation_class_uid": "1.3.51"},
        {"implementation_version_name": "dpm1.00"},
        {"ae_title": "NX"},
        {"address": "192.0.3.0/24"},
        {"address": "2001:db8::/32"},
        {"ae_title": "NX_DEFAULT", "implementation_version_name": "OTHER"},
    ],
    ids=str,
)
def test_who_it_is_not(way: dict[str, str]) -> None:
    assert Recognition(**way).exactness(AGFA) is None


def test_an_ipv4_caller_on_an_ipv6_socket_is_recognized() -> None:
    caller = Device(peer_address="::ffff:192.0.2.7")
    assert Recognition(address="192.0.2.0/24").exactness(caller) is not None


# -- what we ship -----------------------------------------------------------------------------------------------------

SEEN = [
    (AGFA, "agfa-nx", {"duplicate_film_seconds": 60}),
    (
        Device(
            calling_ae_title="MVCLIENT",
            implementation_class_uid="1.2.840.113704.7.0.2",
            implementation_version_name="DCM Pro-11.4.1.0",
        ),
        "carestream-pacs",
        {"events": True, "print_job_reference": True},
    ),
    (
        Device(
            calling_ae_title="MSTZ400D",
            implementation_class_uid="1.3.12.2.1107.5.2",
            implementation_version_name="MR_VD14A",
        ),
        "siemens-mr",
        {"success_only": True},
    ),
    (
        Device(
            calling_ae_title="PRINTSCU",
            implementation_class_uid="1.3.6.1.4.1.30071.8",
            implementation_version_name="fo-dicom 5.1",
        ),
        "fo-dicom",
        {"image_boxes_by_position": True},
    ),
    (
        Device(implementation_class_uid="1.2.276.0.7230010.3.0.3.6.5", implementation_version_name="OFFIS_DCMTK_365"),
        "",
        {},
    ),
]


@pytest.mark.parametrize(("caller", "name", "keys"), SEEN, ids=[row[1] or "nobody" for row in SEEN])
def test_consoles_as_they_were_seen_calling(caller: Device, name: str, keys: dict[str, object]) -> None:
    found = recognized(shipped(), caller)
    assert (found.name if found else "") == name
    assert (found.profile.personality.given() if found else {}) == keys


def test_every_profile_says_what_and_whence() -> None:
    assert {one.name for one in shipped()} == {row[1] for row in SEEN if row[1]}
    for file in SHIPPED.glob("*.toml"):
        written = tomllib.loads(file.read_text())
        assert written["device"] and written["version"] and written["known_from"]
        assert set(written["personality"]) <= set(KEYS) and written["personality"]


# -- check ------------------------------------------------------------------------------------------------------------


def checked(tmp_path: Path, text: str) -> tuple[int, str]:
    file = tmp_path / "gravure.toml"
    file.write_text(f'[appliance]\nstate = "{tmp_path}"\n{text}')
    done = CliRunner().invoke(check, ["--config", str(file)])
    return done.exit_code, done.output


def test_check_shows_every_key_with_its_origin(tmp_path: Path) -> None:
    profile(tmp_path / "own", "room4", 'ae_title = "CT*"', "success_only = true")
    text = '[access]\nprofiles = "own"\n[printers.FILM]\npersonality = "strict"\n'
    text += '[peers.CT]\nae_title = "CT1"\nevents = false\n'
    status, said = checked(tmp_path, text)
    assert status == 0, said
    assert 'personality = "strict" (printers.FILM)' in said
    assert "events = false (peers.CT)" in said
    assert f"success_only = true ({tmp_path}/own/room4.toml)" in said
    assert "duplicate_film_seconds = 60 (peers.d/agfa-nx.toml)" in said


BAD = [
    ('device = "x"\n', "known_from"),
    ("device = \n", "cannot be read"),
    ('device = "x"\nknown_from = "y"\nrecognized_by = []\n[personality]\n', "recognized_by"),
    ('device = "x"\nknown_from = "y"\nrecognized_by = [{}]\n[personality]\n', "nothing to recognize"),
    ('device = "x"\nknown_from = "y"\nrecognized_by = [{ address = "here" }]\n[personality]\n', "address"),
    ('device = "x"\nknown_from = "y"\nrecognized_by = [{ ae_title = "A" }]\n[personality]\nshy = true\n', "shy"),
    (
        'device = "x"\nknown_from = "y"\nrecognized_by = [{ ae_title = "A" }]\n[personality]\nevents = "no"\n',
        "personality.events: must be true or false",
    ),
]


@pytest.mark.parametrize(("text", "words"), BAD, ids=[words for _, words in BAD])
def test_check_names_the_file_and_the_key_of_a_bad_profile(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "bad.toml").write_text(text)
    status, said = checked(tmp_path, '[access]\nprofiles = "own"\n')
    assert status == 1 and "bad.toml" in said and words in said


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(BadProfile, match="there is no folder"):
        Personalities(Config.from_dict({"appliance": {"state": str(tmp_path)}, "access": {"profiles": "own"}}))


@pytest.mark.parametrize(
    ("printer", "key"),
    [
        ({"personality": "moody"}, "personality"),
        ({"annotations": {"lower": ["top left"]}}, "annotations.lower"),
        ({"annotations": {"LOGO": ["middle"]}}, "annotations.LOGO"),
        ({"annotations": {"LOGO": []}}, "annotations.LOGO"),
    ],
)
def test_problems_of_a_printer_are_named(printer: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigProblem) as problem:
        Config.from_dict({"printers": {"FILM": printer}})
    assert key in str(problem.value)


# -- in the running appliance -----------------------------------------------------------------------------------------


def test_an_idle_limit_of_a_caller_goes_before_that_of_its_kind(tmp_path: Path) -> None:
    profile(tmp_path / "own", "console", 'ae_title = "IMPATIENT"', "idle_seconds = 1")
    more = (
        f'[access]\nprofiles = "{tmp_path}/own"\n[limits]\nidle_print_s = 4\n[printers.LONG]\nidle_seconds = 3600\n'
        'aliases = ["ALSO"]\n'
    )
    with serving(tmp_path, more) as running:
        shown = running.gravure("check").stdout
        assert "idle_seconds = 3600 (printers.LONG)" in shown
        assert "idle_seconds = 1 (" in shown and "own/console.toml)" in shown
        began_s = time.monotonic()
        called = {"IMPATIENT": "FILM", "PATIENT": "FILM", "LONG": "ALSO"}
        open_now = {who: NetworkConsole(None, running.port, calling=who, called=title) for who, title in called.items()}
        ended_s: dict[str, float] = {}
        while time.monotonic() < began_s + 6.5:
            for who in open_now.keys() - ended_s.keys():
                if open_now[who].ended():
                    ended_s[who] = time.monotonic() - began_s
            time.sleep(0.05)
        assert ended_s.keys() == {"IMPATIENT", "PATIENT"}
        assert 1 <= ended_s["IMPATIENT"] < 4 <= ended_s["PATIENT"]
        assert open_now["LONG"].film_session().status == 0


def test_the_appliance_answers_each_caller_as_it_is_written(tmp_path: Path) -> None:
    profile(tmp_path / "own", "console", 'ae_title = "CONS*"', "skip_empty_films = true")
    more = f'[access]\nprofiles = "{tmp_path}/own"\n[printers.TEST]\npersonality = "strict"\n'
    with serving(tmp_path, more) as running:
        for called, status in (("FILM", 0x0116), ("TEST", 0x0106)):
            console = NetworkConsole(None, running.port, called=called)
            assert console.film_session(MediumType="PARCHMENT").status == status
            console.close()
        console = NetworkConsole(None, running.port)
        console.film_session()
        console.film_box()
        assert console.print_film().status == 0xB603
        console.close()
        assert running.jobs() == []
    assert "skip_empty_films = true" in running.log.read_text()
