"""`gravure peers`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from appliance.cli.common import config_option, fail, json_option, load_config, print_json, say


@click.command()
@config_option
@json_option
@click.option("--most", default=20, show_default=True, type=click.IntRange(1), help="How many associations are shown.")
def peers(config_path: Path | None, as_json: bool, most: int) -> None:
    """Who called, what was offered, accepted and refused, and what was answered."""
    from appliance.association.dialogue import read_records
    from appliance.control import ControlProblem, NotRunning, ask

    config = load_config(config_path)
    try:
        records = ask(config.state, "peers")
    except NotRunning as failure:
        folder = config.state / "dialogues"
        try:
            records = read_records(folder) if folder.is_dir() else []
        except PermissionError:
            fail(f"{failure}, and {folder} is for its own user alone: ask as root")
    except ControlProblem as failure:
        fail(str(failure))
    records = records[-most:]
    if as_json:
        print_json(records)
        return
    for record in records:
        _show(record)
    if not records:
        click.echo("nobody has called yet")


def _show(record: dict[str, Any]) -> None:
    from pydicom.uid import UID

    who = f"{record['calling_ae_title']} at {record['address']}"
    say(f"{record['began']}  {who} → {record['called_ae_title']}  [{record['implementation_version_name']}]")
    if record["rejected"]:
        say(f"    rejected: {record['rejected']}")
    for context in record["contexts"]:
        accepted = context["accepted"] or ", ".join(context["transfer_syntaxes"])
        name = UID(context["abstract_syntax"]).name
        say(f"    {context['id']:>3} {name:<44} {context['result']}: {accepted}")
    for message in record["messages"]:
        times = f" ×{message['count']}" if message["count"] > 1 else ""
        status = message["status"] or "no answer"
        say(f"    {message['message']:<22} {status} {message['comment']}{times}")
    if record["messages_left_out"]:
        say(f"    … and {record['messages_left_out']} messages more")
    say(f"    {record['ending'] or 'open'}")
