"""`gravure check`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli.common import config_option

if TYPE_CHECKING:
    from appliance.config import Config, PrinterTable
    from appliance.peers import Personalities


@click.command()
@config_option
def check(config_path: Path | None) -> None:
    """Print every problem of the configuration with file and key, the AE titles and personalities in effect."""
    from appliance.config import Config, ConfigProblem, config_file
    from appliance.peers import BadProfile, Personalities
    from appliance.surroundings import missing

    file = config_file(config_path)
    name = file or "configuration"
    try:
        config = Config.load(config_path)
        personalities = Personalities(config)
    except ConfigProblem as failure:
        for line in failure.problems:
            click.echo(line)
        sys.exit(1)
    except BadProfile as failure:
        for line in failure.problems:
            click.echo(f"{name}: access.profiles: {line}")
        sys.exit(1)
    problems = list(missing(config))
    for line in (*problems, *config.remarks()):
        click.echo(f"{name}: {line}")
    click.echo(f"configuration: {file or 'built-in defaults'}")
    click.echo(f"state folder:  {config.state}")
    click.echo(f"listening:     {', '.join(config.listen.address)} port {config.listen.port}")
    click.echo(f"unknown peers: {config.unknown_peers}")
    click.echo("")
    click.echo(f"{'AE title':<17}{'service':<10}what it does")
    click.echo(f"{config.appliance.ae_title:<17}{'echo':<10}answers C-ECHO only")
    for title, kind, key in sorted(config.titles()):
        service = kind.rstrip("s").replace("inboxe", "inbox")
        click.echo(f"{title:<17}{service:<10}{_words(config, kind, key)}{_door(config, kind, key)}")
    if config.access.any_called_ae:
        click.echo(f"{'(any other)':<17}{'':<10}is {config.access.any_called_ae}")
    for line in _personalities(config, personalities):
        click.echo(line)
    for line in _calibrations(config):
        click.echo(line)
    sys.exit(1 if problems else 0)


def _calibrations(config: Config) -> Iterator[str]:
    """Printers with tone calibrated: what is in force, or what is missing."""
    from appliance.calibrations import NOT_CALIBRATED, Calibrations, fallback

    calibrations = Calibrations(config.state)
    named = [key for key, table in config.printers.items() if table.tone == "calibrated"]
    if named:
        yield ""
        yield "Calibrations in force:"
    for key in named:
        found = calibrations.newest(key)
        if found is None:
            yield from _keys(key, [NOT_CALIBRATED.format(fallback(config.printers[key]), key)])
        else:
            yield from _keys(key, [f"{found.medium}, measured {found.measured[:16]}, chart {found.chart}"])


def _personalities(config: Config, personalities: Personalities) -> Iterator[str]:
    """How dialogues are judged and answered, and where each key comes from."""
    from appliance.personality import written

    if config.printers:
        yield ""
        yield "How dialogues are answered (what nobody set is the default):"
    for printer in config.printers:
        yield from _keys(printer, personalities.of_printer(printer).lines() or ["default"])
        for peer in config.peers:
            yield from _keys(f"{printer}, {peer}", personalities.of_peer(printer, peer).lines())
    if config.printers:
        yield ""
        yield "Consoles that are recognized, those of one's own profiles first:"
        for found in personalities.profiles:
            keys = found.profile.personality.given().items()
            yield from _keys(found.name, [f"{key} = {written(value)} ({found.origin})" for key, value in keys])


def _keys(who: str, lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{who if number == 0 else '':<27}{line}"


def _place(config: Config, printer: PrinterTable) -> str:
    """Where an output takes its films: only that of folder makes files."""
    if printer.output in ("dicom", "archive"):
        peer = config.peers[printer.peer]
        return f"{printer.peer} ({peer.ae_title}@{config.host_of(printer.peer)}:{peer.port})"
    return printer.folder if printer.output == "folder" else printer.url


def _door(config: Config, kind: str, key: str) -> str:
    """Whom this service lets in, where it is not everybody."""
    table = getattr(config, kind)[key]
    words = f"; for {', '.join(table.peers)} alone" if table.peers else ""
    return words + (f"; {table.associations} associations at most" if table.associations else "")


def _words(config: Config, kind: str, key: str) -> str:
    table = getattr(config, kind)[key]
    if kind == "printers":
        words = f"films to {table.output} {_place(config, table)}, {table.dpi} dpi, tone {table.tone}"
        if table.also:
            words += f"; also to {', '.join(table.also)}"
        if table.fallback:
            words += f"; to {table.fallback} when it takes none for {table.fallback_after_seconds:g} s"
        return words
    if kind == "discs":
        return f"{table.profile} on {table.medium} to {table.output} {table.folder}, after {table.quiet_seconds:g} s"
    return f"kept {table.keep_days:g} days"
