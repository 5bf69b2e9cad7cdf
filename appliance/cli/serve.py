"""`gravure serve`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.cli.common import config_option, load_config

if TYPE_CHECKING:
    from appliance.config import Config

log = logging.getLogger("gravure")


@click.command()
@config_option
@click.option("--log-level", default="info", type=click.Choice(["debug", "info", "warning", "error"]))
@click.option("--listen", default="", help="Without a configuration file: listen on this address.")
@click.option("--port", default=11112, help="Without a configuration file: listen on this port.", show_default=True)
@click.option("--peers", default="", help="Without a configuration file: networks that may call, such as 192.0.2.0/24.")
def serve(config_path: Path | None, log_level: str, listen: str, port: int, peers: str) -> None:
    """Run the appliance in the foreground; says `ready dicom=…` when every listener is open."""
    if config_path is not None and (listen or peers or port != 11112):
        raise click.UsageError("--listen, --port and --peers are for a start without a configuration file")
    quick = bool(listen or peers or port != 11112)
    config = _quick(listen, port, peers) if quick else load_config(config_path)
    from appliance.config import config_file
    from appliance.daemon import run
    from appliance.logs import set_up

    set_up(log_level)
    _say_which(config_file(config_path), quick)
    sys.exit(run(config))


def _say_which(file: Path | None, quick: bool) -> None:
    """Log which configuration this is: a file that is there and not read has surprised people."""
    if not quick:
        log.info("configuration", extra={"file": file or "none: built-in defaults"})
        return
    log.info("configuration", extra={"file": "none: built-in defaults and the command line"})
    if file is not None and file.exists():
        log.warning("a configuration is passed over: --listen, --port and --peers go without", extra={"file": file})


def _quick(listen: str, port: int, peers: str) -> Config:
    """The built-in defaults, opened to a network."""
    from appliance.config import Config, ConfigProblem

    tables: dict[str, Any] = {"listen": {"address": listen or "127.0.0.1", "port": port}}
    if peers:
        tables["peers"] = {"NETWORK": {"ae_title": "*", "address": peers.replace(",", " ").split()}}
    try:
        return Config.from_dict(tables, "command line")
    except ConfigProblem as failure:
        for line in failure.problems:
            click.echo(line, err=True)
        sys.exit(1)
