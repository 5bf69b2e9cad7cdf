"""`gravure conformance`."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--format", "form", default="md", type=click.Choice(["md", "json"]), show_default=True)
def conformance(form: str) -> None:
    """Print the conformance statement from the tables that the daemon runs on."""
    from appliance.conformance import statement, to_markdown

    document = statement()
    click.echo(json.dumps(document, indent=1) if form == "json" else to_markdown(document))
