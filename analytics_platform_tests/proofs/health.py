"""Whether an instance does its whole work again: judged from outside, by what it published since a moment."""

import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from analytics_platform_tests.proofs.instances import DrivenInstance, listens, pause

STREAMS = ("auctions", "bids", "persons")
POLL_SECONDS = 0.25
PUBLISHED = """
select distinct on (stream) stream, body -> 'newest_event_at' from manifest order by stream, number desc, revision desc
"""
GOOD_TICK = "select max(timestamp) from job_ticks where status in ('SKIPPED', 'SUCCESS')"


class NotHealthyError(Exception):
    """It was not well again in time; the message says what was missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How long it took until everything was well again; `waited_for` is what came last."""

    seconds: float
    waited_for: str


def await_healthy(instance: DrivenInstance, since: datetime, seconds: float, gone: int | None = None) -> Recovery:
    """Wait until nothing is missing. Raises NotHealthyError after `seconds`."""
    missing = ""
    while True:
        found = what_is_missing(instance, since, gone)
        elapsed = (datetime.now(UTC) - since).total_seconds()
        if not found:
            return Recovery(seconds=round(elapsed, 1), waited_for=missing)
        if elapsed > seconds:
            raise NotHealthyError(f"after {elapsed:.0f} s: {found}")
        missing = found
        pause(POLL_SECONDS)


def what_is_missing(instance: DrivenInstance, since: datetime, gone: int | None = None) -> str:
    """The first thing that is not well, in words; empty when all of it is.

    Well means: every part runs and answers, none is the killed process `gone`; the planner has ticked, and rows of
    every stream that were produced after `since` are published; `ap status` exits with 0.
    """
    checks: list[Callable[[], str]] = [
        lambda: _parts(instance, gone),
        lambda: _answers(instance.ports()),
        lambda: _ticked(instance, since),
        lambda: _published(instance, since),
        lambda: _status(instance),
    ]
    for check in checks:
        try:
            missing = check()
        except (psycopg.Error, OSError, ValueError, KeyError) as error:
            missing = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
        if missing:
            return missing
    return ""


def _parts(instance: DrivenInstance, gone: int | None) -> str:
    record = instance.record()
    for name, part in record["parts"].items():
        if part["state"] not in ("up", "done"):
            return f"{name} is {part['state']}"
    living = instance.processes()
    for name, pid in instance.pids().items():
        if name != "ap up" and living.get(pid) != name:
            return f"{name} is said to be process {pid}, which is not there"
        if pid == gone:
            return f"{name} is still said to be the killed process"
    return ""


def _answers(ports: Mapping[str, int]) -> str:
    silent = [name for name in ("broker", "code-server") if not listens(ports[name])]
    if silent:
        return f"{silent[0]} does not answer"
    connection = http.client.HTTPConnection("127.0.0.1", ports["webserver"], timeout=3)
    try:
        connection.request("GET", "/server_info")
        status = connection.getresponse().status
    finally:
        connection.close()
    return "" if status == http.HTTPStatus.OK else f"the webserver answers {status}"


def _ticked(instance: DrivenInstance, since: datetime) -> str:
    with instance.dagster() as dagster:
        row = dagster.execute(GOOD_TICK).fetchone()
    at = row[0].replace(tzinfo=UTC) if row and row[0] else None
    return "" if at and at > since else f"no tick of the planner since ({at})"


def _published(instance: DrivenInstance, since: datetime) -> str:
    with instance.ledger() as ledger:
        newest = {stream: max(times.values(), default="") for stream, times in ledger.execute(PUBLISHED) if times}
    late = [stream for stream in STREAMS if not newest.get(stream) or datetime.fromisoformat(newest[stream]) < since]
    return f"{late[0]}: nothing published of what was produced since" if late else ""


def _status(instance: DrivenInstance) -> str:
    done = instance.ap("status")
    return "" if done.returncode == 0 else f"ap status exits with {done.returncode}: {done.stdout.splitlines()[0]}"
