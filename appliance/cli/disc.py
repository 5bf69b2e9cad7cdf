"""`gravure disc`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click

from appliance import __version__
from appliance.cli.common import OutFile, Progress, config_option, fail, load_config

SUFFIXES = ("", ".iso", ".zip")


@click.command()
@config_option
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="FOLDER…")
@click.option(
    "-o",
    "out",
    required=True,
    type=OutFile(),
    help="What to make: NAME.iso, NAME.zip, or NAME for a folder.",
)
@click.option("--profile", default="STD-GEN-CD", show_default=True, help="Media application profile.")
@click.option("--medium", default="CD-80", show_default=True, help="CD-74, CD-80, DVD, DVD-DL, BD …")
@click.option("--split", is_flag=True, help="Several patients: one disc for each.")
@click.option("--joliet", is_flag=True, help="A Joliet tree beside ISO 9660 level 1: the same short names, without ;1.")
@click.option("--icons", is_flag=True, help="A small picture of each series in the DICOMDIR.")
def disc(
    config_path: Path | None,
    folders: tuple[Path, ...],
    out: Path,
    profile: str,
    medium: str,
    split: bool,
    joliet: bool,
    icons: bool,
) -> None:
    """Build a disc image of DICOM files, without a daemon."""
    from media.folder import SeveralPatients, build_disc
    from media.job import DiscError
    from media.profiles import medium_problem

    if out.suffix.lower() not in SUFFIXES:
        raise click.UsageError(f"-o {out}: name it .iso or .zip, or without a dot for a folder")
    if problem := medium_problem(profile, medium):
        raise click.UsageError(problem)
    config = load_config(config_path)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the work folder holds patients' images
    progress = Progress("disc")
    try:
        made = build_disc(
            folders,
            out,
            profile=profile,
            medium=medium,
            split=split,
            joliet=joliet,
            icons=icons,
            institution=config.appliance.institution,
            language=config.appliance.language,
            version=__version__,
            progress=progress,
        )
    except SeveralPatients as failure:
        progress.close()
        click.echo("several patients; use --split to make one disc for each:", err=True)
        for name in failure.patients:
            click.echo(f"  {name}", err=True)
        sys.exit(2)
    except DiscError as failure:
        progress.close()
        fail(str(failure))
    except OSError as failure:
        progress.close()
        fail(f"{failure.filename or out}: {failure.strerror}")
    progress.close()
    for file in made.files:
        click.echo(str(file))
    for warning in made.warnings:
        click.echo(f"note: {warning}", err=True)
