"""`ap quarantine redrive|discard`: judging rows again by today's versions, or giving them up."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from analytics_platform.cli.asking import ask, by, in_words
from analytics_platform.cli.batch_orders import decided, give
from analytics_platform.cli.output import as_json, say_json
from analytics_platform.cli.quarantine_rows import Asked, Exceptions, filtered, opened
from analytics_platform.facts import BatchId, Outcome, Pins
from analytics_platform.ledger import contract
from analytics_platform.ledger.postgres.quarantine import dismiss, judged_by, tries
from analytics_platform.ledger.redrive import MOST_TRIES, Plan, plan_redrive
from analytics_platform.ledger.rework import Kind
from analytics_platform.product import Stream
from analytics_platform.registry.current import current_schemas
from analytics_platform.security.roles import Action


def decision(verb: Callable[..., None]) -> Callable[..., None]:
    """What both ask for."""
    for option in (
        as_json,
        click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
        by,
        click.option("--reason", required=True, help="Why; everybody sees it."),
    ):
        verb = option(verb)
    return filtered(verb)


@click.command(epilog="Example: ap quarantine redrive --stream bids --reason-like schema --reason 'v3 is published'")
@decision
@click.option("--tries", "most_tries", default=MOST_TRIES, show_default=True, help="How often a batch may be redriven.")
@click.option("--no-wait", is_flag=True, help="Give the order, and do not watch it.")
def redrive(asked: Asked, reason: str, by: str, dry_run: bool, as_json: bool, most_tries: int, no_wait: bool) -> None:
    """Judge the batches that hold such rows again, by today's schemas and contracts.

    Rows keep their coordinates and their place among copies. Batches that were judged by today's versions already are
    left alone, and so are those that were redriven too often: another time gives the same.
    """
    with opened() as exceptions:
        (stream, *others) = exceptions.streams(asked)
        if others:
            raise click.BadParameter("name one stream: --stream bids")
        found = exceptions.by_batch(stream, asked)
        plan = redrive_plan(exceptions, stream, sorted({group.number for group in found}), most_tries)
    told = {
        "rows": sum(group.rows for group in found),
        "batches to judge again": len(plan.batches),
        "batches judged by today's versions already": len(plan.unchanged),
        "batches redriven too often": len(plan.given_up),
    }
    if dry_run or not plan.batches:
        _say(told, as_json=as_json)
        sys.exit(1 if plan.given_up and not plan.batches else 0)
    about = {"reason": reason, "by": by, "approved_by": ""}
    again = decided(Kind.REDRIVE, [BatchId(stream=stream.name, number=number) for number in plan.batches], about)
    give(again, watch=not no_wait, as_json=as_json)


@click.command(epilog="Example: ap quarantine discard --stream bids --batch bids/7 --reason 'a load test'")
@decision
def discard(asked: Asked, reason: str, by: str, dry_run: bool, as_json: bool) -> None:
    """Give quarantined rows up: they stay in exceptions, and `ap quarantine list` no longer asks for a decision."""
    if asked.outcome is not Outcome.QUARANTINED:
        raise click.BadParameter("only quarantined rows are given up so; of held batches: `ap batch discard`")
    name = by if dry_run else ask(Action.DECIDE_BATCH, in_words(asked.streams) or "every stream", by, reason=reason)
    rows, done = 0, 0
    with opened() as exceptions:
        for stream in exceptions.streams(asked):
            found = exceptions.by_batch(stream, asked)
            rows += sum(group.rows for group in found)
            if not dry_run:
                done += dismiss(exceptions.ledger, stream.name, found, name, reason, datetime.now(UTC))
    _say({"rows": rows, "given up, by batch and reason": done}, as_json=as_json)


def redrive_plan(exceptions: Exceptions, stream: Stream, numbers: list[int], most_tries: int) -> Plan:
    """What a redrive of those batches would do now."""
    ledger = exceptions.ledger
    _, schemas = current_schemas(ledger, [stream.name], exceptions.settings.schema_dir)
    pins = Pins(reader_schema_id=schemas[stream.name].reader.id, contract_digest=contract.digest(stream))
    judged = judged_by(ledger, stream.name, numbers)
    return plan_redrive(numbers, judged, pins, tries(ledger, stream.name, numbers), most_tries)


def _say(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(told)
        return
    for name, value in told.items():
        click.echo(f"{name}: {value}")
