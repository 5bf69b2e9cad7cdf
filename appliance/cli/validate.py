"""`gravure validate`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from appliance.cli.common import Progress, fail, json_option, print_json


@click.command()
@json_option
@click.argument("disc", type=click.Path(path_type=Path, exists=True))
def validate(as_json: bool, disc: Path) -> None:
    """Check a folder, ISO image or ZIP against PS3.10, PS3.11, PS3.12 and IHE PDI; status 1 where it breaks a rule."""
    from media.validate import validate as check

    if not (disc.is_dir() or disc.is_file() or disc.is_block_device()):
        fail(f"{disc} is neither a folder nor a file nor a drive", 2)
    progress = Progress("validate")
    report = check(disc, progress)
    progress.close()
    if as_json:
        document = report.to_json()
        print_json(json.loads(document) if isinstance(document, str) else document)
    else:
        for finding in report.findings:
            where = f"{finding.location}: " if finding.location else ""
            more = f" (and {finding.more} more)" if finding.more else ""
            click.echo(f"{finding.severity}: {where}{finding.text} [{finding.section}]{more}")
        click.echo(f"{disc}: {'fine' if report.ok else 'not conformant'}")
    sys.exit(0 if report.ok else 1)
