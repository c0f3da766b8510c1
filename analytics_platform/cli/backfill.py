"""`ap backfill`: have batches of past hours judged again with today's versions, and watch it."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
import psycopg

from analytics_platform.cli.asking import ask, by
from analytics_platform.cli.backfill_source import look_ahead
from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.cli.times import Instant
from analytics_platform.errors import DeclarationError, LedgerError
from analytics_platform.ledger.changes import Change, outcomes_moved, sum_changes
from analytics_platform.ledger.dry_run import Estimate, hours_between
from analytics_platform.ledger.postgres import rework
from analytics_platform.ledger.postgres.changes import judged_again
from analytics_platform.ledger.rework import Kind, Order, OrderState, Progress
from analytics_platform.local.waiting import pause
from analytics_platform.postgres import connect
from analytics_platform.product import Pipeline
from analytics_platform.products import catalog
from analytics_platform.security.roles import Action
from analytics_platform.settings import read_settings

LOOK_SECONDS = 1.0
COLUMNS = ["id", "state", "kind", "batches", "done", "changed", "rows", "requested_at", "requested_by", "reason"]


class DefaultGroup(click.Group):
    """A group whose first word may be no command but the argument of `start`: `ap backfill bids …`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command named, else `start` with all that was said."""
        named = args if args and self.get_command(ctx, args[0]) else ["start", *args]
        return super().resolve_command(ctx, named)


@click.group(
    cls=DefaultGroup,
    epilog="Example: ap backfill bids --from 2026-11-20T10:00 --to 2026-11-20T13:00 --dry-run",
)
def command() -> None:
    """Judge past hours again with today's versions: `ap backfill STREAM|MODEL --from … --to …`."""


@command.command(
    epilog="Example: ap backfill start bids --from 2026-11-20T10:00 --to 2026-11-20T13:00 --reason 'new rule'"
)
@click.argument("name")
@click.option("--from", "start", type=Instant(), required=True, help="The first hour (of planning), UTC.")
@click.option("--to", "end", type=Instant(), required=True, help="The hour to stop before, UTC.")
@click.option("--dry-run", is_flag=True, help="Say what it would do: source, rows, minutes, tables. Changes nothing.")
@click.option("--reason", default="by hand", show_default=True, help="Why; everybody sees it.")
@by
@click.option("--no-wait", is_flag=True, help="Give the order, and do not watch it.")
@as_json
def start(
    name: str, start: datetime, end: datetime, dry_run: bool, reason: str, by: str, no_wait: bool, as_json: bool
) -> None:
    """Judge the batches of a stream's hours again, or compute a model's rows of these hours again.

    The next lease does it between its live cycles; Ctrl-C stops watching, not the backfill. Exit code 0: done, 1: it
    failed, was cancelled, or cannot be done.
    """
    pipeline, hours = _pipeline_of(name), hours_between(start, end)
    if not hours:
        raise click.BadParameter("--to must be after --from")
    ahead = look_ahead(pipeline, name, hours)
    if dry_run:
        _say_estimate(ahead, as_json=as_json)
        sys.exit(0 if ahead.is_possible else 1)
    _require_source(ahead)
    by = ask(Action.JUDGE_AGAIN, name, by, kind=Kind.BACKFILL, hours=[hours[0], hours[-1]], reason=reason)
    with connect(read_settings().ledger_dsn, application="ap backfill") as ledger:
        given = rework.give(ledger, _order(ahead, name, by, reason))
        click.echo(f"ordered as {given}: {ahead.batches:,} batches, {ahead.rows:,} rows", err=True)
        ended = _found(ledger, given) if no_wait else _watch(ledger, given)
        _say_order(ledger, ended, as_json=as_json)
    sys.exit(_exit_code(ended))


@command.command(epilog="Example: ap backfill status --json | jq .changes")
@click.argument("order", required=False)
@click.option("--follow", is_flag=True, help="Go on until it has ended; Ctrl-C stops watching.")
@as_json
def status(order: str | None, follow: bool, as_json: bool) -> None:
    """How far an order is, and what it changed; the newest if none is named. Exit code 1 if it failed."""
    with connect(read_settings().ledger_dsn, application="ap backfill") as ledger:
        found = _found(ledger, order)
        seen = _watch(ledger, found.id) if follow else found
        _say_order(ledger, seen, as_json=as_json)
    sys.exit(_exit_code(seen))


@command.command("list", epilog="Example: ap backfill list --limit 5 --json")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@as_json
def list_orders(limit: int, as_json: bool) -> None:
    """The newest orders: backfills, repetitions, reruns, releases, discards."""
    with connect(read_settings().ledger_dsn, application="ap backfill") as ledger:
        rows = [asdict(seen) for seen in rework.recent(ledger, limit)]
    if as_json:
        say_json(rows)
    else:
        say_table(rows, COLUMNS)


@command.command(epilog="Example: ap backfill cancel 7f3a")
@click.argument("order")
@as_json
def cancel(order: str, as_json: bool) -> None:
    """Stop an order after the chunk under way; what is done stays done. Exit code 1 if it is not open."""
    with connect(read_settings().ledger_dsn, application="ap backfill") as ledger:
        if _found(ledger, order).state is not OrderState.OPEN:
            raise LedgerError(f"order {order} is not open; `ap backfill status {order}` tells what became of it")
        ask(Action.JUDGE_AGAIN, order)
        rework.cancel(ledger, order, datetime.now(UTC))
        _say_order(ledger, _found(ledger, order), as_json=as_json)


@command.command(epilog="Example: ap backfill resume 7f3a")
@click.argument("order")
@click.option("--no-wait", is_flag=True, help="Do not watch it.")
@as_json
def resume(order: str, no_wait: bool, as_json: bool) -> None:
    """Go on with a cancelled or failed order, with the batches that are left of it."""
    with connect(read_settings().ledger_dsn, application="ap backfill") as ledger:
        if _found(ledger, order).state not in (OrderState.CANCELLED, OrderState.FAILED):
            raise LedgerError(f"order {order} is neither cancelled nor failed; `ap backfill status {order}`")
        ask(Action.JUDGE_AGAIN, order)
        rework.resume(ledger, order, datetime.now(UTC))
        ended = _found(ledger, order) if no_wait else _watch(ledger, order)
        _say_order(ledger, ended, as_json=as_json)
    sys.exit(_exit_code(ended))


def _pipeline_of(name: str) -> Pipeline:
    declared = catalog()
    for pipeline in declared.pipelines.values():
        if name in (*pipeline.stream_names, *pipeline.model_names):
            return pipeline
    known = ", ".join([*sorted(declared.streams), *sorted(declared.models)]) or "nothing"
    raise DeclarationError(name, "is neither a stream nor a model", f"declared are: {known}")


def _order(ahead: Estimate, name: str, by: str, reason: str) -> Order:
    return Order(
        pipeline=ahead.pipeline,
        kind=Kind.BACKFILL,
        requested_by=by,
        reason=reason,
        requested_at=datetime.now(UTC),
        hours=ahead.hours,
        streams=ahead.streams,
        assets=() if name in ahead.streams else ahead.assets,  # of a stream everything: its tables, and what follows
    )


def _require_source(ahead: Estimate) -> None:
    if not ahead.is_possible:
        first = ahead.not_in_bronze[0]
        raise LedgerError(f"bronze does not hold what is to be judged again: {first}; `--dry-run` names all of it")


def _found(ledger: psycopg.Connection, order: str | None) -> Progress:
    found = next(iter(rework.recent(ledger, 1)), None) if order is None else rework.progress(ledger, order)
    if found is None:
        raise LedgerError(f"there is no order {order or 'yet'}; `ap backfill list` shows what there is")
    return found


def _watch(ledger: psycopg.Connection, order: str) -> Progress:
    """Until it has ended, saying on stderr how far it is."""
    said = ""
    while (seen := _found(ledger, order)).state is OrderState.OPEN:
        words = f"{seen.done:,} of {seen.batches:,} batches, {seen.rows:,} rows, {seen.changed:,} batches changed"
        if words != said:
            click.echo(words, err=True)
            said = words
        pause(LOOK_SECONDS)
    return seen


def _exit_code(seen: Progress) -> int:
    return 0 if seen.state in (OrderState.OPEN, OrderState.DONE) else 1


def _say_order(ledger: psycopg.Connection, seen: Progress, *, as_json: bool) -> None:
    change = sum_changes(judged_again(ledger, seen.id))
    if as_json:
        say_json({**asdict(seen), "changes": asdict(change)})
        return
    click.echo(f"{seen.id} is {seen.state}: {seen.kind} by {seen.requested_by} ({seen.reason})")
    click.echo(f"{seen.done:,} of {seen.batches:,} batches, {seen.rows:,} rows judged again")
    for line in _change_lines(change):
        click.echo(line)
    if seen.error:
        click.echo(f"error: {seen.error}; then: ap backfill resume {seen.id}")


def _change_lines(change: Change) -> list[str]:
    if not change.changed:
        return ["nothing changed"]
    moved = [f"  {outcome}: {was:,} → {now:,}" for outcome, (was, now) in outcomes_moved(change).items()]
    added, removed = f"{change.added:,} rows added to silver", f"{change.removed:,} removed"
    return [f"{change.changed:,} batches changed: {added}, {removed}", *moved]


def _say_estimate(ahead: Estimate, *, as_json: bool) -> None:
    if as_json:
        say_json({**asdict(ahead), "is_possible": ahead.is_possible})
        return
    minutes = "not known yet" if ahead.minutes is None else f"about {ahead.minutes:g} minutes"
    source: Mapping[str, Any] = {name: count for name, count in ahead.by_source.items() if count}
    click.echo(
        f"{len(ahead.hours)} hours of {', '.join(ahead.streams)}: {ahead.batches:,} batches, {ahead.rows:,} rows"
    )
    click.echo("source: " + (", ".join(f"{count:,} batches {name}" for name, count in source.items()) or "no batches"))
    for line in ahead.not_in_bronze:
        click.echo(f"  {line}")
    click.echo(f"time: {minutes}")
    click.echo(f"touches: {', '.join(ahead.assets)}")
