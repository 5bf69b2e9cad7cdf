"""The command line: `gravure COMMAND`. Each command is imported when it is called, so that help costs nothing."""

from __future__ import annotations

import errno
import importlib
import io
import sys
from collections.abc import Sequence
from typing import Any

import click

# command: (module, function, one line of help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "serve": ("serve", "serve", "Run the appliance in the foreground."),
    "check": ("check", "check", "Print every problem of the configuration, and the AE titles in effect."),
    "status": ("status", "status", "Printers, disc stations, queue, disk and peers as one snapshot."),
    "jobs": ("jobs", "jobs", "List jobs."),
    "job": ("jobs", "job", "Show one job with its history."),
    "cancel": ("jobs", "cancel", "Cancel a job."),
    "retry": ("jobs", "retry", "Try a failed or cancelled job again."),
    "release": ("jobs", "release", "Let a held job go."),
    "reprint": ("jobs", "reprint", "Print a film once more."),
    "peers": ("peers", "peers", "Who called, what was offered, accepted and refused, and what was answered."),
    "film": ("film", "film", "Compose and render a film of images, without a network."),
    "calibrate": ("calibrate", "calibrate", "Print a step chart, read it from a scan, keep the printer's curve."),
    "testpage": ("testpage", "testpage", "Print a test page: greys, geometry, layouts."),
    "disc": ("disc", "disc", "Build a disc image of files, without a daemon."),
    "validate": ("validate", "validate", "Say in words what is wrong with a disc: folder, ISO or ZIP."),
    "echo": ("network", "echo", "C-ECHO to a peer."),
    "send": ("network", "send", "C-STORE files to a peer."),
    "print": ("network", "print_", "Print images on a peer's DICOM printer."),
    "conformance": ("conformance", "conformance", "Print the conformance statement."),
}
HIDDEN = {
    "_child": ("child", "child", "A child process of the appliance."),
    "_receive": ("child", "receive", "A receiving process of the appliance."),
}


class LazyGroup(click.Group):
    """Commands from the tables above."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands that a person may call."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command, with libraries that say nothing of values."""
        from appliance.logs import silence_libraries  # help and --version cost no more than they must

        silence_libraries()
        entry = COMMANDS.get(cmd_name) or HIDDEN.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(importlib.import_module(f"appliance.cli.{entry[0]}"), entry[1])
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what this user may not touch, and what fails on the way, is said in words."""
        try:
            return super().invoke(ctx)
        except PermissionError as failure:
            words = f"{failure.filename}: not allowed for this user"
            click.echo(f"{words}; ask as root, or as a member of the service's group (gravure)", err=True)
            sys.exit(1)
        except OSError as failure:
            if failure.errno == errno.EPIPE:
                raise  # whoever reads us has seen enough: click ends without a word
            where = f"{failure.filename}: " if failure.filename else ""
            click.echo(f"{where}{failure.strerror or failure}", err=True)
            sys.exit(1)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Help from the table: nothing is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gravure", prog_name="gravure")
def cli() -> None:
    """Gravure: DICOM prints become films, studies become discs."""


def main(arguments: Sequence[str] | None = None) -> Any:
    """Run the command line; the exit status is design §1.2's."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal of another alphabet has no arrow, and shows one as "?"
    return cli.main(args=list(arguments) if arguments is not None else sys.argv[1:], prog_name="gravure")
