"""What commands share: finding the configuration, JSON, and progress that is silent in a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from appliance.config import Config

NOT_RUNNING = 3

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


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(document, indent=1, ensure_ascii=False))


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
