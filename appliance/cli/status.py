"""`gravure status`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from appliance.cli.common import NOT_RUNNING, config_option, fail, json_option, load_config, print_json, say
from appliance.control import ControlProblem, NotRunning, ask

EXIT = {"fine": 0, "warning": 1, "critical": 2}


@click.command()
@config_option
@json_option
def status(config_path: Path | None, as_json: bool) -> None:
    """Printers, disc stations, queue, disk and peers; status 0 fine, 1 warning, 2 critical, 3 not running."""
    config = load_config(config_path)
    try:
        snapshot = ask(config.state, "status")
    except NotRunning as failure:
        if as_json:
            print_json({"level": "not running"})
        fail(str(failure), NOT_RUNNING)
    except ControlProblem as failure:
        fail(str(failure), EXIT["critical"])
    if as_json:
        print_json(snapshot)
    else:
        say(f"gravure {snapshot['version']}: {snapshot['level']}")
        for words in snapshot["problems"]:
            say(f"  ! {words}")
        say(f"{'state folder:':<14}{snapshot['state']}")
        for key in ("listening", "discs", "inboxes", "peers"):
            say(f"{key + ':':<14}{', '.join(snapshot[key])}")
        for number, printer in enumerate(snapshot["printers"]):
            say(f"{'' if number else 'printers:':<14}{_line(printer)}")
        disk = snapshot["disk"]
        say(f"{'disk:':<14}{disk['free_bytes'] / 1e9:.1f} GB free, {disk['reserve_bytes'] / 1e9:.1f} GB reserve")
        queue = snapshot["queue"]
        say(f"{'queue:':<14}{', '.join(f'{count} {name}' for name, count in queue.items()) or 'empty'}")
        say(f"{'associations:':<14}{snapshot['associations']}")
    sys.exit(EXIT[snapshot["level"]])


def _line(printer: dict[str, Any]) -> str:
    """A printer in one line: what it is, how it is, what waits for it."""
    said = "" if printer["status"] == "NORMAL" else f"{printer['status']} {printer['info']}: "
    parts = [f"{printer['ae_title']} ({printer['output']}): {said}{printer['words']}"]
    if printer["media"]:
        parts.append(f"has {', '.join(printer['media'])}")
    for key in ("waiting", "held"):
        if count := printer[f"films_{key}"]:
            parts.append(f"{count} film{'s' if count > 1 else ''} {key}")
    if printer["calibrated"]:
        parts.append(f"calibrated {printer['calibrated'][:10]}")
    return "; ".join(parts)
