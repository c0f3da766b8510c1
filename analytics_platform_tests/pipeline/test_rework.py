"""Batches judged again: winners move with their copies, models follow, and what is right stays untouched."""

from dataclasses import replace

import pytest

from analytics_platform.errors import BronzeChangedError
from analytics_platform.facts import Outcome
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.rework import Kind, OrderState
from analytics_platform.pipeline import plan_all
from analytics_platform.product import Rule
from analytics_platform_tests.pipeline.checked import CHECKED_SHOP
from analytics_platform_tests.pipeline.ordered import (
    discard,
    give,
    is_worked_off,
    manifest_of,
    progress_of,
    release,
    rework,
    states,
)
from analytics_platform_tests.pipeline.orders import (
    ORDERS,
    SHOP,
    content,
    finish,
    kafka_with,
    lease,
    opened,
    order,
    outcomes,
    random_orders,
    rows,
)

SMALL_BATCHES = replace(SHOP, streams=(replace(ORDERS, batch_rows=12),))
FORGET = (
    "set session_replication_role = replica;"  # nothing else empties facts
    " truncate pipeline, batch, batch_range, batch_run, frontier, manifest, publication, dirty, timer, watermark"
    " cascade;"
    " set session_replication_role = origin"
)
BAD = [order(1, amount=5, minute=7), order(2, amount=-1), order(3, amount=-1)]


def stricter(pipeline, least=20):
    """The pipeline with another row rule."""
    rules = (Rule(name="amount_is_positive", holds="amount > 0"), Rule(name="worth_it", holds=f"amount > {least}"))
    return replace(pipeline, streams=tuple(replace(s, rules=rules) for s in pipeline.streams))


def revenue(parts):
    """By minute, what the model says."""
    return {row["minute"].minute: row["revenue"] for row in rows(parts, "revenue").to_pylist()}


def one_by_one(parts, kafka, *batches):
    """Each list of records becomes a batch of its own."""
    for number, records in enumerate(batches):
        kafka.append(ORDERS.topic, 0, records)
        lease(parts, f"live {number}")


def test_when_the_first_copy_is_discarded_the_second_takes_its_place(ledger_dsn, tmp_path):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        one_by_one(parts, kafka, [order(1, amount=5)], [order(1, amount=5, minute=0)], [order(1, amount=9, minute=0)])
        done = discard(parts, 1)
        assert outcomes(parts) == {(0, 0): "discarded", (0, 1): "published", (0, 2): "conflict"}
        assert revenue(parts) == {0: 5} and is_worked_off(parts)
        (conflict,) = [r for r in rows(parts, "orders/exceptions").to_pylist() if r["outcome"] == "conflict"]
        assert (conflict["winner_partition"], conflict["winner_offset"]) == (0, 1)
        assert [manifest_of(parts, n).revision for n in (1, 2, 3)] == [2, 2, 1]
    assert (done.state, done.changed, done.changes["removed"]) == (OrderState.DONE, 1, 1)


def test_when_a_held_first_copy_is_released_the_published_one_becomes_its_duplicate(ledger_dsn, tmp_path):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=CHECKED_SHOP) as parts:
        one_by_one(
            parts, kafka, BAD, [order(1, amount=5, minute=7), order(4, minute=8)], [order(1, amount=6, minute=8)]
        )
        assert revenue(parts) == {7: 5, 8: 1}
        release(parts, 1)
        found = outcomes(parts)
        assert [found[0, n] for n in (0, 3, 5)] == ["published", "duplicate", "conflict"]
        assert [found[0, n] for n in (1, 2, 4)] == ["quarantined", "quarantined", "published"]
        assert revenue(parts) == {7: 5, 8: 1} and is_worked_off(parts)
        demoted = next(r for r in rows(parts, "orders/exceptions").to_pylist() if r["offset"] == 3)
    assert demoted["value"] is not None and demoted["key"] == b"Graz"


def test_a_row_that_only_a_held_batch_had_reaches_the_models_when_it_is_released(ledger_dsn, tmp_path):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=CHECKED_SHOP) as parts:
        one_by_one(parts, kafka, BAD)
        assert revenue(parts) == {}
        done = release(parts, 1)
        assert revenue(parts) == {7: 5} and states(parts) == {1: "published"}
        assert manifest_of(parts, 1).resolution == "released by ada: known spike"
    assert done.changes["before"] == {"held": 3} and done.changes["after"] == {"published": 1, "quarantined": 2}


def test_released_is_as_if_it_had_never_been_held(ledger_dsn, tmp_path):
    kafka = kafka_with([[], []])
    batches = [BAD, [order(1, amount=5, minute=7), order(5, minute=1)], [order(5, amount=2), order(2, amount=4)]]
    with opened(ledger_dsn, tmp_path / "never", kafka) as parts:
        one_by_one(parts, kafka, *batches)
        finish(parts)
        never = content(parts)
        parts.ledger.execute(FORGET)
    again = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path / "held", again, pipeline=CHECKED_SHOP) as parts:
        one_by_one(parts, again, *batches)
        assert content(parts) != never
        release(parts, 1)
        finish(parts)
        assert content(parts) == never


def test_a_hour_of_held_and_good_batches_is_settled_by_the_release(ledger_dsn, tmp_path):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=CHECKED_SHOP) as parts:
        one_by_one(parts, kafka, BAD, [order(4)])
        held, good = manifest_of(parts, 1), manifest_of(parts, 2)
        assert held.resolution is None and held.hour == good.hour
        release(parts, 1)
        settled = manifest_of(parts, 1)
    failed = [v.check for v in settled.verdicts if not v.passed and v.severity == "error"]
    assert failed == ["mostly_good"] and settled.resolution and settled.outcomes[Outcome.PUBLISHED] == 1


def test_a_backfill_under_the_same_versions_changes_nothing(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with(random_orders(3, 200)), pipeline=SMALL_BATCHES) as parts:
        lease(parts)
        finish(parts)  # a backfill would not wait for late rows to gather
        before, versions = content(parts), parts.tables.versions()
        done = rework(parts, Kind.BACKFILL)
        assert content(parts) == before and parts.tables.versions() == versions
        assert (done.state, done.changed, done.left) == (OrderState.DONE, 0, 0) and done.rows >= 200
        assert {r[0] for r in parts.ledger.execute("select max(revision) from manifest group by number")} == {1}


def test_a_backfill_after_a_changed_rule_shows_the_difference_and_back_again_is_the_first_content(ledger_dsn, tmp_path):
    kafka = kafka_with(random_orders(3, 200))
    with opened(ledger_dsn, tmp_path, kafka, pipeline=SMALL_BATCHES) as parts:
        lease(parts)
        finish(parts)
        first = content(parts)
    with opened(ledger_dsn, tmp_path, kafka, pipeline=stricter(SMALL_BATCHES)) as parts:
        done = rework(parts, Kind.BACKFILL)
        assert done.changed > 5 and done.changes["removed"] > 20 and is_worked_off(parts)
        assert done.changes["after"]["quarantined"] > done.changes["before"].get("quarantined", 0)
        assert min(row["amount"] for row in rows(parts, "orders/silver").to_pylist()) > 20
    with opened(ledger_dsn, tmp_path, kafka, pipeline=SMALL_BATCHES) as parts:
        rework(parts, Kind.BACKFILL)
        assert content(parts) == first and is_worked_off(parts)


def test_a_backfill_equals_a_run_that_had_the_rule_from_the_start(ledger_dsn, tmp_path):
    kafka, pipeline = kafka_with(random_orders(5, 200)), stricter(SMALL_BATCHES)
    with opened(ledger_dsn, tmp_path / "from the start", kafka, pipeline=pipeline) as parts:
        lease(parts)
        finish(parts)
        wanted = content(parts)
        parts.ledger.execute(FORGET)
    with opened(ledger_dsn, tmp_path / "later", kafka, pipeline=SMALL_BATCHES) as parts:
        lease(parts)
    with opened(ledger_dsn, tmp_path / "later", kafka, pipeline=pipeline) as parts:
        rework(parts, Kind.BACKFILL)
        finish(parts)
        assert content(parts) == wanted


def test_a_re_execution_uses_the_pins_and_changes_nothing(ledger_dsn, tmp_path):
    kafka = kafka_with(random_orders(3, 60))
    with opened(ledger_dsn, tmp_path, kafka, pipeline=SMALL_BATCHES) as parts:
        lease(parts)
        before = content(parts)
    with opened(ledger_dsn, tmp_path, kafka, pipeline=stricter(SMALL_BATCHES)) as parts:
        done = rework(parts, Kind.REEXECUTE)
        assert content(parts) == before and done.changed == 0


@pytest.mark.parametrize("layer", [Layer.SILVER, Layer.EXCEPTIONS])
@pytest.mark.parametrize("damage", ["gone", "cut short"])
def test_files_that_are_damaged_are_rebuilt_with_all_batches_they_held(ledger_dsn, tmp_path, layer, damage):
    with opened(ledger_dsn, tmp_path, kafka_with(random_orders(3, 200)), pipeline=SMALL_BATCHES) as parts:
        lease(parts)
        finish(parts)  # a backfill would not wait for late rows to gather
        table = parts.tables.of("orders", layer)
        rework(parts, Kind.DISCARD, 3)
        rework(parts, Kind.RELEASE, 3)
        before = content(parts)
        for file in table.files()[:2]:
            path = table.root / file.path
            if damage == "gone":
                path.unlink()
            else:
                path.write_bytes(path.read_bytes()[:-20])
        rework(parts, Kind.BACKFILL)
        assert content(parts) == before and is_worked_off(parts)


def test_bronze_that_is_not_what_was_landed_fails_the_order_and_no_live_batch(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1), order(2)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        bronze = parts.tables.of("orders", Layer.BRONZE)
        forged = rows(parts, "orders/bronze").slice(0, 1)
        bronze.replace(bronze.files(), [forged], decided_on=bronze.version, epoch=bronze.epoch())
        before = content(parts)
        kafka.append(ORDERS.topic, 0, [order(3)])
        done = rework(parts, Kind.BACKFILL)
        assert (done.state, done.done) == (OrderState.FAILED, 0) and "orders/1" in (done.error or "")
        assert outcomes(parts)[0, 2] == "published" and content(parts) != before
    assert "nothing is judged again" in str(BronzeChangedError("orders/1", 1, 2))


def test_a_rework_of_models_alone_recomputes_what_those_hours_touch(ledger_dsn, tmp_path):
    with opened(ledger_dsn, tmp_path, kafka_with([[order(1, amount=5), order(2, minute=3)], []])) as parts:
        lease(parts)
        model = parts.tables.by_name["revenue"]
        before = content(parts)
        model.drop(model.files(), epoch=model.epoch())
        done = rework(parts, Kind.BACKFILL, assets=("revenue",))
        assert content(parts) == before and done.state is OrderState.DONE
        assert manifest_of(parts, 1).revision == 1


def test_a_decision_of_a_person_outlives_backfills(ledger_dsn, tmp_path):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka, pipeline=CHECKED_SHOP) as parts:
        one_by_one(parts, kafka, BAD, [order(4)])
        release(parts, 1)
        discard(parts, 2)
        before = content(parts)
        done = rework(parts, Kind.BACKFILL)
        assert content(parts) == before and done.changed == 0 and states(parts) == {1: "published", 2: "discarded"}


def test_what_was_discarded_comes_back_when_it_is_released(ledger_dsn, tmp_path):
    kafka = kafka_with([[], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        one_by_one(parts, kafka, [order(1, amount=5)], [order(1, amount=6)])
        before = content(parts)
        discard(parts, 1)
        assert revenue(parts) == {0: 6}
        release(parts, 1)
        assert content(parts) == before and revenue(parts) == {0: 5}


def test_rework_that_waits_for_an_open_batch_keeps_no_live_batch_waiting(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        table = parts.tables.of("orders", Layer.EXCEPTIONS)
        discard(parts, 1)
        kafka.append(ORDERS.topic, 0, [order(2)])
        plan_all(parts)
        order_id = give(parts, Kind.BACKFILL)
        parts.ledger.execute("update rework_batch set done_at = now() where id = %s and number = 1", [order_id])
        for file in table.files():
            (table.root / file.path).unlink()
        lease(parts, "last")
        assert progress_of(parts, order_id).state is OrderState.DONE and outcomes_of_silver(parts) == {(0, 1)}


def outcomes_of_silver(parts):
    """The coordinates that silver holds."""
    return {(row["partition"], row["offset"]) for row in rows(parts, "orders/silver").to_pylist()}
