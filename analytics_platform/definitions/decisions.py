"""Decisions about batches from the UI: a job that gives the order; the lease carries it out."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from analytics_platform.definitions.asked import ASKED_TAG
from analytics_platform.definitions.maintenance import MAINTENANCE_TAG
from analytics_platform.errors import DeclarationError
from analytics_platform.facts import BatchId
from analytics_platform.ledger.decision import Decision, order_of
from analytics_platform.ledger.postgres import rework
from analytics_platform.ledger.rework import Kind
from analytics_platform.postgres import connect
from analytics_platform.product import Catalog
from analytics_platform.products import catalog
from analytics_platform.settings import LedgerRole, read_settings

DECIDE = "decide"
VERBS = (Kind.RELEASE, Kind.DISCARD, Kind.RETRACT, Kind.RERUN, Kind.REJUDGE)


class Decided(dg.Config):
    """What the launchpad asks for."""

    verb: str = Field(description=f"One of {', '.join(VERBS)}; what each does: docs/3-am.md.")
    batches: list[str] = Field(description='As `ap batch list` names them: ["bids/7"].')
    by: str = Field(default="", description="For whom you say so, if not for yourself.")
    reason: str = Field(description="Why; everybody sees it.")
    approved_by: str = Field(default="", description="Who agrees, where the stream asks for an approver.")


@dg.op(name="give_order")
def give_order(context: dg.OpExecutionContext, config: Decided) -> None:
    """Give the order; its progress is in `ap backfill list`, its end in the checks of the batches' hours."""
    asked_by = context.run.tags.get(ASKED_TAG, "nobody known")
    order_id = decide(decision_in(config, asked_by), catalog())
    context.log.info(f"ordered as {order_id}")
    context.add_output_metadata({"order": order_id, "verb": config.verb, "batches": ", ".join(config.batches)})


@dg.job(
    name=DECIDE,
    executor_def=dg.in_process_executor,
    tags={MAINTENANCE_TAG: DECIDE},  # it may start cold
    description="Decides about batches: release, discard, retract, rerun, rejudge. The lease carries it out.",
)
def decide_job() -> None:
    """The job."""
    give_order()


def decision_in(config: Decided, asked_by: str) -> Decision:
    """What the config says, for whoever started the run; dagster.Failure that names what is wrong with it."""
    if config.verb not in VERBS:
        raise dg.Failure(f"{config.verb!r} is no verb; one of {', '.join(VERBS)}", allow_retries=False)
    return Decision(
        kind=Kind(config.verb),
        batches=_batches(config.batches),
        by=asked_by,
        speaks_for=config.by,
        reason=config.reason,
        approved_by=config.approved_by,
    )


def decide(decision: Decision, declared: Catalog) -> str:
    """Give the order in the ledger of this instance; returns its id."""
    with connect(read_settings().ledger_as(LedgerRole.WORKER), application="decide") as ledger:
        return rework.give(ledger, order_of(decision, declared, datetime.now(UTC)))


def _batches(names: Sequence[str]) -> tuple[BatchId, ...]:
    try:
        return tuple(map(BatchId.named, names))
    except DeclarationError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
