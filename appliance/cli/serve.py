"""`gravure serve`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from appliance.cli.common import config_option, load_config


@click.command()
@config_option
@click.option("--log-level", default="info", type=click.Choice(["debug", "info", "warning", "error"]))
def serve(config_path: Path | None, log_level: str) -> None:
    """Run the appliance in the foreground; says `ready dicom=…` when every listener is open."""
    config = load_config(config_path)
    from appliance.daemon import run
    from appliance.logs import set_up

    set_up(log_level)
    sys.exit(run(config))
