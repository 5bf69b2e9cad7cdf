"""Write docs/generated/ from the code: configuration keys, command line, conformance statement, states of jobs.

`python tools/docs.py --check` changes nothing and exits 1 if a page differs.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

HEAD = "<!-- Written by `make docs`. Do not edit. -->\n"


def configuration() -> str:
    """Every key of every table, from the models."""
    from appliance.config import Config

    lines = [HEAD, "# Configuration keys", ""]
    lines += ["One TOML file. `[printers.NAME]`, `[discs.NAME]` and `[inboxes.NAME]` are named by AE title.", ""]
    for name, field in Config.model_fields.items():
        table, named = _table_of(field.annotation)
        lines += [f"## [{name}{'.NAME' if named else ''}]", "", (table.__doc__ or "").strip().split("\n")[0], ""]
        lines += ["| key | default | meaning |", "|---|---|---|", *_rows(table), ""]
        for key, inner in getattr(table, "model_fields", {}).items():
            if _is_table(inner.annotation):
                lines += [f"## [{name}.NAME.{key}]", "", (inner.annotation.__doc__ or "").strip().split("\n")[0], ""]
                lines += ["| key | default | meaning |", "|---|---|---|", *_rows(inner.annotation), ""]
    return "\n".join(lines)


def _is_table(annotation: Any) -> bool:
    return hasattr(annotation, "model_fields")


def _table_of(annotation: Any) -> tuple[Any, bool]:
    arguments = getattr(annotation, "__args__", ())
    return (arguments[-1], True) if arguments else (annotation, False)


def _rows(table: Any) -> Iterator[str]:
    if dataclasses.is_dataclass(table):
        words = _words_of(table)
        for one in dataclasses.fields(table):
            yield f"| `{one.name}` | `{one.default:g}` | {words.get(one.name, '')} |"
        return
    for key, field in table.model_fields.items():
        if _is_table(field.annotation):
            continue
        required = field.is_required()
        default = "required" if required else f"`{_toml(field.get_default(call_default_factory=True))}`"
        yield f"| `{key}` | {default} | {(field.description or '').replace(chr(10), ' ').replace('|', chr(92) + '|')} |"


def _words_of(table: Any) -> dict[str, str]:
    """The strings below the fields of a dataclass."""
    import ast
    import inspect

    body = ast.parse(inspect.getsource(table)).body[0]
    assert isinstance(body, ast.ClassDef)
    words = {}
    for field, following in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ):
            words[field.target.id] = " ".join(str(following.value.value).split())
    return words


def _toml(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return str(value)


def cli() -> str:
    """Help of every command."""
    import click

    from appliance.cli import COMMANDS, cli

    context = click.Context(cli, info_name="gravure", max_content_width=100, terminal_width=100)
    lines = [HEAD, "# Command line", "", "```text", cli.get_help(context), "```", ""]
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        child = click.Context(command, info_name=name, parent=context, max_content_width=100, terminal_width=100)
        lines += [f"## gravure {name}", "", "```text", command.get_help(child), "```", ""]
    return "\n".join(lines)


def conformance() -> str:
    """The conformance statement."""
    from appliance.conformance import statement, to_markdown

    return HEAD + to_markdown(statement())


def jobs() -> str:
    """State diagrams and recovery of jobs, from the tables."""
    from appliance.jobs import RECOVERY, STEPS, TRANSITIONS, JobEvent, own_steps, state_of

    lines = [HEAD, "# States of jobs", ""]
    for kind, table in TRANSITIONS.items():
        lines += [f"## {kind}", "", "```mermaid", "stateDiagram-v2", f"    [*] --> {STEPS[kind][0]}: submit"]
        for (step, event), after in table.items():
            if event is not JobEvent.STEP:  # whose table entry says that it is possible, not where it leads
                lines.append(f"    {step} --> {after}: {event.value}")
        lines += [f"    {step} --> {after}: step" for step, after in pairwise(own_steps(kind))]
        lines += [
            "```",
            "",
            "A step may be left out; none goes back.",
            "",
            "| step | Execution Status | after a crash | why that is safe |",
            "|---|---|---|---|",
        ]
        for step in STEPS[kind]:
            recovery = RECOVERY[kind].get(step)
            what = "nothing" if recovery is None or recovery.event is None else "is queued again"
            lines.append(
                f"| {step} | {state_of(kind, step)} | {what} | {recovery.why if recovery else 'it has ended'} |"
            )
        lines.append("")
    return "\n".join(lines)


PAGES = {"configuration.md": configuration, "cli.md": cli, "conformance.md": conformance, "jobs.md": jobs}


def main() -> int:
    """Write, or with --check compare."""
    folder = ROOT / "docs" / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    differs = []
    for name, make in PAGES.items():
        text = make().rstrip("\n") + "\n"
        file = folder / name
        if "--check" in sys.argv:
            if not file.exists() or file.read_text("utf-8") != text:
                differs.append(name)
        else:
            file.write_text(text, "utf-8")
    for name in differs:
        print(f"docs/generated/{name} differs from the code: run make docs")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
