"""`gravure film`."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.cli.common import OutFile, Progress, fail


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="IMAGE…")
@click.option("--layout", default="", help="Columns × rows, such as 2x3. Default: as square as the images allow.")
@click.option("--film", "film_size_id", default="14INX17IN", show_default=True, help="Film Size ID.")
@click.option("--landscape", is_flag=True, help="Film Orientation LANDSCAPE.")
@click.option("--dpi", default=300, show_default=True, type=click.IntRange(50, 600))
@click.option("-o", "out", default="film.pdf", show_default=True, type=OutFile())
def film(images: tuple[Path, ...], layout: str, film_size_id: str, landscape: bool, dpi: int, out: Path) -> None:
    """Compose and render a film of DICOM images, without a network."""
    from appliance.image_files import read
    from printing.compose import CannotCompose, compose

    progress = Progress("film")
    try:
        pages = compose(
            images,
            out,
            layout=layout,
            film_size_id=film_size_id,
            landscape=landscape,
            dpi=dpi,
            progress=progress,
            read=read,
        )
    except CannotCompose as failure:
        fail(str(failure))
    except OSError as failure:
        fail(f"{failure.filename or out}: {failure.strerror}")
    finally:
        progress.close()
    click.echo(f"{out}: {pages} film{'s' if pages > 1 else ''}")
