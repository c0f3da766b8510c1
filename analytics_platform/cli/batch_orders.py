"""`ap batch rerun|release|discard|retract|rejudge`: what a person decides about batches; the lease carries it out."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import click
import psycopg

from analytics_platform.cli.asking import ask, by, in_words
from analytics_platform.cli.batch_name import BatchName
from analytics_platform.cli.output import as_json, say_json
from analytics_platform.facts import BatchId
from analytics_platform.ledger.decision import Decision, order_of
from analytics_platform.ledger.postgres import rework
from analytics_platform.ledger.postgres.publication import manifest_of
from analytics_platform.ledger.postgres.tracing import lease_since
from analytics_platform.ledger.rework import PERSONS, Kind, OrderState, Progress
from analytics_platform.local.waiting import pause
from analytics_platform.postgres import connect
from analytics_platform.products import catalog
from analytics_platform.security.roles import Action
from analytics_platform.settings import read_settings

LOOK_SECONDS = 0.5
PATIENCE_LOOKS = 20  # without a lease, then say what is needed


def decision(verb: Callable[..., None]) -> Callable[..., None]:
    """What all of them ask for."""
    for option in (
        as_json,
        click.option("--no-wait", is_flag=True, help="Give the order, and do not watch it."),
        by,
        click.option("--approved-by", default="", help="Who agrees, where the stream asks for an approver."),
        click.option("--reason", required=True, help="Why; everybody sees it."),
        click.argument("batches", type=BatchName(), nargs=-1, required=True),
    ):
        verb = option(verb)
    return verb


@click.command(epilog="Example: ap batch rerun bids/7 bids/8 --reason 'the rule on prices was wrong'")
@decision
def rerun(batches: Sequence[BatchId], no_wait: bool, as_json: bool, **about: str) -> None:
    """Judge batches again with today's schema and contract."""
    give(decided(Kind.RERUN, batches, about), watch=not no_wait, as_json=as_json)


@click.command(epilog="Example: ap batch release bids/7 --reason 'a known spike: the sale began'")
@decision
def release(batches: Sequence[BatchId], no_wait: bool, as_json: bool, **about: str) -> None:
    """Let held or discarded batches in: judged row by row with their own pins, whatever their checks say."""
    give(decided(Kind.RELEASE, batches, about), watch=not no_wait, as_json=as_json)


@click.command(epilog="Example: ap batch discard bids/7 --reason 'a load test, not our users'")
@decision
def discard(batches: Sequence[BatchId], no_wait: bool, as_json: bool, **about: str) -> None:
    """Take every row of held or published batches out of silver and the models; they stay in exceptions."""
    give(decided(Kind.DISCARD, batches, about), watch=not no_wait, as_json=as_json)


@click.command(epilog="Example: ap batch retract bids/7 --reason 'prices were euros, not cents'")
@decision
def retract(batches: Sequence[BatchId], no_wait: bool, as_json: bool, **about: str) -> None:
    """Take published batches back: out of silver and the models; copies that they kept out come in, readers are told.

    `ap batch release` undoes it.
    """
    give(decided(Kind.RETRACT, batches, about), watch=not no_wait, as_json=as_json)


@click.command(epilog="Example: ap batch rejudge bids/7 --reason 'does its verdict reproduce?'")
@decision
def rejudge(batches: Sequence[BatchId], no_wait: bool, as_json: bool, **about: str) -> None:
    """Judge batches again with what they were judged with, and compare: nothing changes, if their verdicts reproduce.

    The rows, schema and contract are those that are pinned. Of code and libraries there are only today's: where a batch
    was judged with others, that is said, and a difference may be theirs.
    """
    _say_versions(batches)
    give(decided(Kind.REJUDGE, batches, about), watch=not no_wait, as_json=as_json)


def _say_versions(batches: Sequence[BatchId]) -> None:
    with connect(read_settings().ledger_dsn, application="ap batch") as ledger:
        for batch in batches:
            found = manifest_of(ledger, batch.stream, batch.number)
            for name, then in sorted(found.libraries.items()) if found else ():
                if then != (now := version(name)):
                    click.echo(f"{batch} was judged with {name} {then}, which is gone: now {now}", err=True)


def decided(kind: Kind, batches: Sequence[BatchId], about: Mapping[str, str]) -> Decision:
    """The decision that a command's options spell: who, why, and who agrees. Raises NotEntitledError."""
    action = Action.DECIDE_BATCH if kind in PERSONS else Action.JUDGE_AGAIN
    target = in_words([str(batch) for batch in batches])
    name = ask(action, target, kind=kind, **about)
    return Decision(kind=kind, batches=tuple(batches), **{**about, "by": name, "speaks_for": about["by"]})


def give(decision: Decision, *, watch: bool, as_json: bool) -> None:
    """Give the order, watch it, say what it changed, and exit: 1 if it failed."""
    order = order_of(decision, catalog(), datetime.now(UTC))
    with connect(read_settings().ledger_dsn, application="ap batch") as ledger:
        order_id = rework.give(ledger, order)
        click.echo(f"ordered as {order_id}", err=True)
        seen = _watched(ledger, order_id) if watch else _seen(ledger, order_id)
    _say(seen, as_json=as_json)
    sys.exit(0 if seen.state in (OrderState.OPEN, OrderState.DONE) else 1)


def _watched(ledger: psycopg.Connection, order_id: str) -> Progress:
    """Wait until it has ended; Ctrl-C stops watching, not the order."""
    looks, told = 0, -1
    while (seen := _seen(ledger, order_id)).state is OrderState.OPEN:
        if seen.done != told:
            click.echo(f"{seen.done} of {seen.batches} batches", err=True)
            told = seen.done
        idle = lease_since(ledger, seen.pipeline) is None
        looks = looks + 1 if idle else 0
        if looks == PATIENCE_LOOKS:
            click.echo("no lease is running, it waits: `ap up` starts what is needed", err=True)
        pause(LOOK_SECONDS)
    return seen


def _seen(ledger: psycopg.Connection, order_id: str) -> Progress:
    found = rework.progress(ledger, order_id)
    assert found is not None, "it was given a moment ago, and orders are never deleted"
    return found


def _say(seen: Progress, *, as_json: bool) -> None:
    if as_json:
        say_json(asdict(seen))
        return
    click.echo(f"{seen.kind} {seen.id} is {seen.state}: {seen.done} of {seen.batches} batches, {seen.changed} changed")
    if seen.changed:
        click.echo(f"silver: {_figure(seen, 'added')} rows added, {_figure(seen, 'removed')} removed")
        click.echo(f"before: {_figure(seen, 'before')}\nafter:  {_figure(seen, 'after')}")
    if seen.error:
        click.echo(f"error: {seen.error}; then: ap backfill resume {seen.id}")


def _figure(seen: Progress, name: str) -> Any:
    value = seen.changes.get(name, 0)
    return " ".join(f"{outcome}={count}" for outcome, count in value.items()) if isinstance(value, dict) else value
