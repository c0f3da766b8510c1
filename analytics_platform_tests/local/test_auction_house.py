"""The events of the auction house: a pure function of the seed, faithful to its truth."""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2

from analytics_platform.local.auction_house.faults import Shares
from analytics_platform.local.auction_house.options import outcomes_of
from analytics_platform.local.auction_house.pace import FLAT_OUT_EVENTS, Pace
from analytics_platform.local.auction_house.partition import partitions_of
from analytics_platform.local.auction_house.plan import Kind
from analytics_platform.local.auction_house.timeline import starting
from analytics_platform_tests.local.houses import (
    FAULTY,
    START_MS,
    TOPICS,
    decoded_avro,
    house,
    produce,
    records_of,
    truth_of,
)

COORDINATES = ("order", "partition", "sequence", "event_id", "fault")
UNREADABLE = {"truncated", "broken_json", "trailing_garbage", "unknown_schema_id", "bad_magic_byte"}


def payload(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in COORDINATES}


def decoded(kind: Kind, value: bytes) -> dict[str, Any]:
    if kind is not Kind.PERSONS:
        return decoded_avro(kind, value)
    assert value[:5] == b"\0\0\0\0\3"
    found = json.loads(value[5:])
    at = datetime.fromisoformat(found["dateTime"])
    assert at.tzinfo == UTC
    return {**found, "dateTime": int(at.timestamp() * 1000)}


def test_persons_auctions_and_bids_come_as_one_to_three_to_forty_six():
    chunks = produce(house(), 5_000)
    assert {kind: len(records_of(chunks, kind)) for kind in Kind} == {"persons": 100, "auctions": 300, "bids": 4_600}


@given(chunk_events=st.integers(min_value=1_000, max_value=6_000), seed=st.integers(0, 2**40))
@settings(max_examples=8, deadline=None)
def test_the_same_seed_gives_the_same_records_however_they_are_cut(chunk_events: int, seed: int):
    once = produce(house(FAULTY, seed=seed), 6_000)
    again = produce(house(FAULTY, seed=seed), 6_000, chunk_events=chunk_events)
    for kind in Kind:
        assert records_of(once, kind) == records_of(again, kind)
        assert truth_of(once, kind) == truth_of(again, kind)


def test_another_seed_gives_other_events():
    ids = [{r.event_id for r in records_of(produce(house(seed=seed), 500), Kind.BIDS)} for seed in (1, 2)]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("kind", list(Kind))
def test_what_an_independent_decoder_reads_is_what_the_truth_says(kind: Kind):
    chunks = produce(house(FAULTY), 4_000)
    rows, records = truth_of(chunks, kind), records_of(chunks, kind)
    assert [r.event_id for r in records] == [row["event_id"] for row in rows]
    assert [(r.partition, r.sequence) for r in records] == [(row["partition"], row["sequence"]) for row in rows]
    for row, record in zip(rows, records, strict=True):
        if row["fault"].removeprefix("malformed:") not in UNREADABLE:
            assert decoded(kind, record.value) == payload(row)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_malformed_record_is_unreadable_or_breaks_a_rule_and_has_an_id_of_its_own(kind: Kind):
    chunks = produce(house(FAULTY), 20_000)
    rows, records = truth_of(chunks, kind), records_of(chunks, kind)
    counts, seen = Counter(row["event_id"] for row in rows), Counter()
    for row, record in zip(rows, records, strict=True):
        kind_of_fault = row["fault"].removeprefix("malformed:")
        if kind_of_fault in UNREADABLE:
            with pytest.raises((AssertionError, EOFError, ValueError)):
                decoded(kind, record.value)
        elif kind_of_fault == "rule":
            broken = {"bids": row.get("price", 0) < 0, "auctions": row.get("initialBid", 0) < 0}
            assert broken.get(kind, "@" not in row.get("emailAddress", ""))
        if row["fault"].startswith("malformed:"):
            assert counts[row["event_id"]] == 1
            seen[kind_of_fault] += 1
    assert len(seen) == 5


def test_a_copy_follows_its_original_in_the_same_partition_under_the_same_key():
    chunks = produce(house(FAULTY), 10_000)
    for kind in Kind:
        originals: dict[str, Any] = {}
        for row, record in zip(truth_of(chunks, kind), records_of(chunks, kind), strict=True):
            if row["fault"] not in ("duplicate", "conflict"):
                assert record.event_id not in originals
                originals[record.event_id] = row, record
                continue
            first_row, first = originals[record.event_id]
            assert first_row["fault"] == "none"
            assert (first.partition, first.key) == (record.partition, record.key)
            assert first.sequence < record.sequence
            assert first.headers == record.headers
            assert (first.value == record.value) == (row["fault"] == "duplicate")


def test_the_planted_shares_are_about_what_was_asked_for():
    chunks = produce(house(FAULTY), 50_000)
    faults = Counter(row["fault"].split(":")[0] for kind in Kind for row in truth_of(chunks, kind))
    assert faults["late"] == pytest.approx(2_500, rel=0.1)
    assert faults["duplicate"] == pytest.approx(2_500, rel=0.1)
    assert faults["conflict"] == pytest.approx(2_500, rel=0.1)
    assert faults["malformed"] == pytest.approx(5_000, rel=0.1)


def test_event_ids_are_version_7_with_the_time_of_the_event_and_unique():
    rows = truth_of(produce(house(Shares(late=0.1)), 10_000), Kind.BIDS)
    assert len({row["event_id"] for row in rows}) == len(rows)
    for row in rows:
        event_id = UUID(row["event_id"])
        assert (event_id.version, event_id.int >> 80) == (7, row["dateTime"])


def test_every_record_carries_a_w3c_trace_of_its_own():
    traces = [r.headers["traceparent"].decode() for r in records_of(produce(house(), 2_000), Kind.BIDS)]
    assert len({trace[3:35] for trace in traces}) == len(traces)
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", trace) for trace in traces)


def test_late_events_are_minutes_and_less_than_an_hour_late_and_others_on_time():
    for row in truth_of(produce(house(FAULTY), 20_000), Kind.BIDS):
        late_ms = START_MS - row["dateTime"]
        assert (late_ms > 60_000) == (row["fault"] == "late")
        assert late_ms < 3_600_000


@given(ids=st.lists(st.integers(0, 3_000), min_size=1, max_size=40), base=st.integers(0, 10**12))
def test_keys_go_to_the_partition_that_a_stock_client_would_choose(ids: list[int], base: int):
    expected = [(murmur2(str(base + i).encode()) & 0x7FFFFFFF) % 4 for i in ids]
    assert partitions_of(np.array(ids, np.int64) + base, 4).tolist() == expected


def test_bids_refer_to_auctions_and_persons_that_exist_or_come_soon():
    rows = truth_of(produce(house(), 10_000), Kind.BIDS)
    assert {row["auction"] for row in rows} <= set(range(1_000, 1_000 + 600 + 20))
    assert {row["bidder"] for row in rows} <= set(range(1_000, 1_000 + 200 + 20))
    assert Counter(row["channel"] for row in rows).most_common(1)[0][0] in ("Google", "Facebook", "Baidu", "Apple")


def test_a_timeline_that_was_resumed_keeps_the_times_of_earlier_events():
    before = starting(10, START_MS, 100.0)
    after = before.resumed(20, START_MS + 60_000)
    assert after.times(np.array([10, 19, 20, 21])).tolist() == [
        START_MS,
        START_MS + 90,
        START_MS + 60_000,
        START_MS + 60_010,
    ]


def test_a_pace_gives_what_is_due_and_ends_with_the_last_event():
    pace = Pace(rate=100.0, first=0, since=50.0, events=150)
    assert pace.due(0, 50.0) is None
    due, last = pace.due(0, 51.0), pace.due(100, 60.0)
    assert due is not None and (due.start, due.end, due.is_last) == (0, 100, False)
    assert last is not None and (last.start, last.end, last.is_last) == (100, 150, True)
    assert pace.is_behind(0, 53.0) and not pace.is_behind(250, 53.0)


def test_a_pace_without_a_rate_gives_whole_chunks_and_is_never_behind():
    pace = Pace(rate=None, first=0, since=0.0, events=1_000_000)
    due = pace.due(0, 0.0)
    assert due is not None and due.end == FLAT_OUT_EVENTS
    assert not pace.is_behind(0, 1e9)


def test_every_planted_fault_has_an_outcome():
    faults = {"none": 5, "late": 1, "out_of_order": 1, "duplicate": 2, "conflict": 3, "malformed:rule": 4}
    assert outcomes_of(faults) == {"published": 7, "duplicate": 2, "conflict": 3, "quarantined": 4}


def test_topics_are_those_that_are_declared():
    assert {(t.name, t.partitions, t.schema_id, t.is_json) for t in TOPICS} == {
        ("bids", 4, 1, False),
        ("auctions", 2, 2, False),
        ("persons", 2, 3, True),
    }
