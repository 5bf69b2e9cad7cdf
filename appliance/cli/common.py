"""What commands share: finding the configuration, JSON, and progress that is silent in a pipe."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from appliance.config import Config

NOT_RUNNING = 3


class OutFile(click.Path):
    """`-o`: a file that a command makes. It is made beside its place and put there when it is whole, so what stands
    there must be a file: a device would be gone afterwards, and everybody's /dev/null with it."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path; where it is a link, what it leads to."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        place = path.resolve() if path.is_symlink() else path
        if not place.absolute().parent.is_dir():
            self.fail(f"{path}: there is no folder {place.absolute().parent}", param, ctx)
        if place.exists() and not place.is_file():
            self.fail(f"{path} is a device or a pipe: name a file", param, ctx)
        return place


F = TypeVar("F", bound=Callable[..., Any])


def config_option(command: F) -> F:
    """`--config FILE`."""
    return click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Configuration file. Default: $GRAVURE_CONFIG, /etc/gravure/gravure.toml, built-in defaults.",
    )(command)


def json_option(command: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def load_config(path: Path | None) -> Config:
    """The configuration; its problems end the command with status 1."""
    from appliance.config import Config, ConfigProblem

    try:
        return Config.load(path)
    except ConfigProblem as failure:
        for line in failure.problems:
            click.echo(line, err=True)
        sys.exit(1)


CONTROLS = {
    code: f"\\u{code:04x}"
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
"""Signs that move a cursor, colour a terminal or turn a line round, as escapes that JSON has too."""
LINES = {code: words for code, words in CONTROLS.items() if code != ord("\n")}


def say(words: str, *, err: bool = False) -> None:
    """A line for a person. What a peer chose may stand in it, and does nothing to the terminal."""
    click.echo(words.translate(LINES), err=err)


def json_text(document: Any, indent: int | None = None) -> str:
    """A JSON document that does nothing to a terminal, in signs that standard output can write."""
    readable = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    return json.dumps(document, indent=indent, ensure_ascii=not readable).translate(LINES)


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json_text(document, 1))


def fail(words: str, status: int = 1) -> NoReturn:
    """End the command with words for a person."""
    click.echo(words, err=True)
    sys.exit(status)


class Progress:
    """A progress line on a terminal; nothing in a pipe."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._shown = sys.stderr.isatty()

    def __call__(self, done: float, step: str = "") -> None:
        if self._shown:
            bar = "█" * int(done * 30)
            click.echo(f"\r{self._label} {bar:<30} {done:4.0%} {step:<12}", nl=False, err=True)

    def close(self) -> None:
        """End the line."""
        if self._shown:
            click.echo("", err=True)
