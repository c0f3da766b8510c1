"""Giving orders of rework to the small pipeline, and working them off."""

from datetime import UTC, datetime

from analytics_platform.facts import BatchId
from analytics_platform.ledger.postgres import planning, publication
from analytics_platform.ledger.postgres import rework as orders
from analytics_platform.ledger.rework import Kind, Order
from analytics_platform_tests.pipeline.orders import content, lease


def give(parts, kind, *numbers, stream="orders", **more):
    """Order some batches of a stream, or, without numbers, all that were planned so far."""
    hours = tuple(r[0] for r in parts.ledger.execute("select distinct hour from batch").fetchall())
    order = Order(
        pipeline=parts.pipeline.name,
        kind=kind,
        requested_by="ada",
        reason="known spike",
        requested_at=datetime.now(UTC),
        batches=tuple(BatchId(stream=stream, number=number) for number in numbers),
        streams=() if numbers else tuple(parts.pipeline.stream_names),
        hours=() if numbers else hours,
        **more,
    )
    return orders.give(parts.ledger, order)


def rework(parts, kind, *numbers, **more):
    """Order it and run a lease; returns how far it came."""
    order_id = give(parts, kind, *numbers, **more)
    lease(parts, f"rework {order_id}")
    return progress_of(parts, order_id)


def progress_of(parts, order_id):
    """How far an order is."""
    found = orders.progress(parts.ledger, order_id)
    assert found is not None
    return found


def release(parts, *numbers):
    """Let those batches in."""
    return rework(parts, Kind.RELEASE, *numbers)


def discard(parts, *numbers):
    """Throw those batches out."""
    return rework(parts, Kind.DISCARD, *numbers)


def manifest_of(parts, number):
    """The last manifest of a batch of orders."""
    found = publication.manifest_of(parts.ledger, "orders", number)
    assert found is not None
    return found


def states(parts):
    """By number, the state of each batch of orders."""
    batches = parts.ledger.execute("select number, state from batch where stream = 'orders' order by 1").fetchall()
    return dict(batches)


def is_worked_off(parts):
    """Whether nothing is left: no open batch, no open order, and every manifest adds up to what the tables hold."""
    assert not planning.open_batches(parts.ledger, parts.pipeline.stream_names)
    assert not orders.is_open(parts.ledger, parts.pipeline.name)
    found = content(parts)
    for stream in parts.pipeline.stream_names:
        numbers = [
            r[0] for r in parts.ledger.execute("select number from batch where stream = %s", [stream]).fetchall()
        ]
        manifests = publication.manifests_of(parts.ledger, stream, numbers).values()
        for layer in ("bronze", "silver", "exceptions"):
            told = sum(m.hashes[layer] for m in manifests) & (2**64 - 1)
            assert told == found[f"{stream}/{layer}"], f"{stream}/{layer} is not what its manifests say"
        assert all(m.is_reconciled for m in manifests)
    return True
