"""`gravure jobs`, `job`, `cancel`, `retry`, `release`, `reprint`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from appliance.cli.common import (
    NOT_RUNNING,
    config_option,
    fail,
    json_option,
    json_text,
    load_config,
    print_json,
    say,
)
from appliance.control import ControlProblem, NotRunning, ask, describe, watch


def _read(state: Path, question: str, **facts: Any) -> Any:
    """Ask the daemon; where none runs, read its database."""
    try:
        return ask(state, question, **facts)
    except NotRunning:
        return _from_database(state, question, **facts)


def _from_database(state: Path, question: str, **facts: Any) -> Any:
    from appliance.database import DATABASE_ERRORS, Database
    from appliance.instances import patients_of
    from appliance.jobs import Jobs, NoSuchJob

    file = state / "gravure.db"
    if not file.exists():
        if question == "jobs":
            return []
        raise ControlProblem(f"there is no job {facts['id']}", "unknown-job")
    database = Database(file, read_only=True)
    try:
        if question == "patients":
            return patients_of(database, facts["id"])
        jobs = Jobs(database)
        if question == "jobs":
            return [one.to_dict() for one in jobs.list(search=facts.get("search", ""))]
        try:
            return describe(jobs, facts["id"])
        except NoSuchJob:
            raise ControlProblem(f"there is no job {facts['id']}", "unknown-job") from None
    except DATABASE_ERRORS as failure:
        fail(f"{file} cannot be read: {getattr(failure, 'orig', None) or failure}")
    finally:
        database.close()


def _table(rows: Iterable[Mapping[str, Any]]) -> None:
    say(f"{'id':<14}{'kind':<6}{'state':<10}{'step':<12}{'done':>5}  {'AE title':<17}{'from':<17}created")
    for row in rows:
        say(_line(row))


def _line(row: Mapping[str, Any]) -> str:
    state = "HELD" if row["held"] else "CANCELLED" if row["cancelled"] else row["state"]
    line = (
        f"{row['id']:<14}{row['kind']:<6}{state:<10}{row['step']:<12}{row['progress']:>5.0%}  {row['ae_title']:<17}"
        f"{row['calling_ae_title']:<17}{row['created']}"
    )
    for words in (*_relations(row["payload"]), row["hold_reason"] or row["error"]):
        if words:
            line += f"\n{'':<14}{words}"
    return line


def _json_line(row: Mapping[str, Any]) -> str:
    """A job in a line of its own, for scripts that read line by line."""
    return json_text(row)


def _relations(payload: Mapping[str, Any]) -> Iterator[str]:
    """What a film has to do with other jobs and printers."""
    for key, words in (("film_of", "also the film of"), ("reprint_of", "once more the film of")):
        if other := payload.get(key):
            yield f"{words} {other}"
    if also := payload.get("also"):
        yield "also " + ", ".join(f"{other} on {printer}" for printer, other in also.items())
    if other := payload.get("printed_on"):
        yield f"printed on {other}"


@click.command()
@config_option
@json_option
@click.option("--watch", "live", is_flag=True, help="Show changes as they happen; with --json, one line a job.")
@click.option("--search", default="", help="Only jobs in which this text stands.")
def jobs(config_path: Path | None, as_json: bool, live: bool, search: str) -> None:
    """List jobs, oldest first."""
    config = load_config(config_path)
    if live:
        _watch(config.state, search, as_json)
        return
    rows = _read(config.state, "jobs", search=search)
    if as_json:
        print_json(rows)
    else:
        _table(rows)


def _watch(state: Path, search: str, as_json: bool) -> None:
    """The jobs that have not ended, then each job as often as it changes."""

    from appliance.jobs import found_in

    show = _json_line if as_json else _line
    try:
        for change in watch(state):
            if "ok" in change:
                if not as_json:
                    _table(())
                rows = [row for row in change["ok"] if row["state"] not in ("DONE", "FAILURE")]
            else:
                rows = [change["job"]]
            for row in rows:
                if found_in(row, search):
                    say(show(row))
    except NotRunning as failure:
        fail(str(failure), NOT_RUNNING)
    except KeyboardInterrupt:
        pass


@click.command()
@config_option
@json_option
@click.argument("job_id", metavar="ID")
def job(config_path: Path | None, as_json: bool, job_id: str) -> None:
    """Show one job with its history, and whose disc it is."""
    config = load_config(config_path)
    try:
        row = _read(config.state, "job", id=job_id)
    except ControlProblem as failure:
        fail(str(failure))
    if as_json:
        print_json(row)
        return
    for words in _relations(row["payload"]):
        say(words)
    if row["kind"] == "disc":
        for words in _patients(config.state, job_id):
            say(f"{'patient:':<22}{words}")
    for key, value in row.items():
        if key == "payload":
            for name, fact in value.items():
                say(f"{name + ':':<22}{_fact(fact)}")
        elif key == "events":
            for one in value:
                say(f"  {one['at']}  {one['event']:<12}{one['state']:<10}{one['step']:<12}{one['detail']}")
        elif isinstance(value, list):
            for one in value or [""]:
                say(f"{key + ':':<22}{one}")
        else:
            say(f"{key + ':':<22}{value}")


def _patients(state: Path, job_id: str) -> Iterator[str]:
    """Whose disc it is. A question of its own: the answer is for the person who asks, and no part of the job."""
    try:
        found = _read(state, "patients", id=job_id)
    except ControlProblem:  # a service that has not been restarted since it was upgraded
        return
    for one in found:
        issuer = f" of {one['issuer']}" if one["issuer"] else ""
        born = one["patient_birth_date"] or "unknown"
        yield (
            f"{one['patient_name'] or 'no name'}, Patient ID {one['patient_id'] or 'none'}{issuer}, born {born},"
            f" study {one['study_instance_uid']}"
        )
    if not found:
        yield "no longer known: the images of this disc are not kept any more"


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(one)}" for name, one in value.items() if one not in ("", None))
    return "; ".join(map(_fact, value)) if isinstance(value, list) else str(value)


def _change(config_path: Path | None, do: str, job_id: str, **facts: Any) -> None:
    config = load_config(config_path)
    try:
        row = ask(config.state, do, id=job_id, **facts)
    except NotRunning as failure:
        fail(str(failure), NOT_RUNNING)
    except ControlProblem as failure:
        fail(str(failure))
    say(_line(row))


@click.command()
@config_option
@click.argument("job_id", metavar="ID")
def cancel(config_path: Path | None, job_id: str) -> None:
    """Cancel a job that has not ended."""
    _change(config_path, "cancel", job_id)


@click.command()
@config_option
@click.argument("job_id", metavar="ID")
def retry(config_path: Path | None, job_id: str) -> None:
    """Try a failed or cancelled job again."""
    _change(config_path, "retry", job_id)


@click.command()
@config_option
@click.argument("job_id", metavar="ID")
@click.option("--reason", required=True, help="Why it may go; kept with the job.")
def release(config_path: Path | None, job_id: str, reason: str) -> None:
    """Let a held job go."""
    _change(config_path, "release", job_id, reason=reason)


@click.command()
@config_option
@click.argument("job_id", metavar="ID")
@click.option("--printer", default="", metavar="KEY", help="Another printer of the configuration.")
@click.option("--copies", type=click.IntRange(1, 999), help="How many. Default: as many as the console asked for.")
def reprint(config_path: Path | None, job_id: str, printer: str, copies: int | None) -> None:
    """Print a film once more: a new job, of a film job that has ended and whose images are kept (reprint_days)."""
    _change(config_path, "reprint", job_id, printer=printer, copies=copies)
