"""`gravure check`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from appliance.cli.common import config_option


@click.command()
@config_option
def check(config_path: Path | None) -> None:
    """Print every problem of the configuration with file and key, and the AE titles in effect."""
    from appliance.config import Config, ConfigProblem, config_file

    file = config_file(config_path)
    try:
        config = Config.load(config_path)
    except ConfigProblem as failure:
        for line in failure.problems:
            click.echo(line)
        sys.exit(1)
    click.echo(f"configuration: {file or 'built-in defaults'}")
    click.echo(f"state folder:  {config.state}")
    click.echo(f"listening:     {', '.join(config.listen.address)} port {config.listen.port}")
    click.echo(f"unknown peers: {config.unknown_peers}")
    click.echo("")
    click.echo(f"{'AE title':<17}{'service':<10}what it does")
    click.echo(f"{config.appliance.ae_title:<17}{'echo':<10}answers C-ECHO only")
    for title, kind, key in sorted(config.titles()):
        click.echo(f"{title:<17}{kind.rstrip('s').replace('inboxe', 'inbox'):<10}{_words(config, kind, key)}")
    if config.access.any_called_ae:
        click.echo(f"{'(any other)':<17}{'':<10}is {config.access.any_called_ae}")


def _words(config: object, kind: str, key: str) -> str:
    table = getattr(config, kind)[key]
    if kind == "printers":
        return f"films to {table.output} {table.folder}, {table.dpi} dpi, tone {table.tone}"
    if kind == "discs":
        return f"{table.profile} on {table.medium} to {table.output} {table.folder}, after {table.quiet_seconds:g} s"
    return f"kept {table.keep_days:g} days"
