"""`gravure echo`, `send`, `print`: what a field engineer tries."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from appliance.cli.common import Progress, config_option, fail, load_config, say


def _peer(config_path: Path | None, name: str):  # type: ignore[no-untyped-def]
    from appliance.scu.target import Target, UnknownPeer

    config = load_config(config_path)
    try:
        return Target.find(config, name)
    except UnknownPeer as failure:
        fail(str(failure), 2)


PEER_HELP = "PEER is a key of [peers], or AETITLE@HOST:PORT."


@click.command(epilog=PEER_HELP)
@config_option
@click.argument("peer")
def echo(config_path: Path | None, peer: str) -> None:
    """C-ECHO to a peer; status 1 if it does not answer 0000."""
    from appliance.scu.echo import echo as call

    answer = call(_peer(config_path, peer))
    say(str(answer))
    sys.exit(0 if answer.ok else 1)


@click.command(epilog=PEER_HELP)
@config_option
@click.argument("peer")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="FILE…")
def send(config_path: Path | None, peer: str, files: tuple[Path, ...]) -> None:
    """C-STORE files (folders: everything in them) to a peer; status 1 if one was not taken."""
    from appliance.scu.send import send as call

    progress = Progress("send")
    answers = call(_peer(config_path, peer), files, progress)
    progress.close()
    for answer in answers:
        if not answer.ok:  # on standard output, as the answers of echo and print: it is what was asked for
            say(str(answer))
    taken = sum(answer.ok for answer in answers)
    click.echo(f"{taken} of {len(answers)} instances taken")
    sys.exit(0 if answers and taken == len(answers) else 1)


@click.command(name="print", epilog=PEER_HELP)
@config_option
@click.argument("peer")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="IMAGE…")
@click.option("--layout", default="", help="Columns × rows, such as 2x3.")
@click.option("--film", "film_size_id", default="14INX17IN", show_default=True, help="Film Size ID.")
def print_(config_path: Path | None, peer: str, images: tuple[Path, ...], layout: str, film_size_id: str) -> None:
    """Print images on a peer's DICOM printer, as films of one layout."""
    from appliance.scu.print import print_images

    progress = Progress("print")
    answer = print_images(_peer(config_path, peer), images, layout, film_size_id, progress)
    progress.close()
    say(str(answer))
    sys.exit(0 if answer.ok else 1)
