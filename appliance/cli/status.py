"""`gravure status`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from appliance.cli.common import NOT_RUNNING, config_option, fail, json_option, load_config, print_json
from appliance.control import NotRunning, ask

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
    if as_json:
        print_json(snapshot)
    else:
        click.echo(f"gravure {snapshot['version']}: {snapshot['level']}")
        for words in snapshot["problems"]:
            click.echo(f"  ! {words}")
        click.echo(f"{'state folder:':<14}{snapshot['state']}")
        for key in ("listening", "printers", "discs", "inboxes", "peers"):
            click.echo(f"{key + ':':<14}{', '.join(snapshot[key])}")
        for key, one in snapshot["calibrations"].items():
            click.echo(f"{'calibrated:':<14}{key} on {one['medium']}, {one['measured'][:16]}")
        disk = snapshot["disk"]
        click.echo(f"{'disk:':<14}{disk['free_bytes'] / 1e9:.1f} GB free, {disk['reserve_bytes'] / 1e9:.1f} GB reserve")
        queue = snapshot["queue"]
        click.echo(f"{'queue:':<14}{', '.join(f'{count} {name}' for name, count in queue.items()) or 'empty'}")
        click.echo(f"{'associations:':<14}{snapshot['associations']}")
    sys.exit(EXIT[snapshot["level"]])
