"""Metrics are right by their sums, bounded in their labels, and well-formed."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.catalog import catalog_of
from analytics_platform.facts import Outcome
from analytics_platform.ledger.postgres import accuracy
from analytics_platform.ledger.postgres import metrics as store
from analytics_platform.ledger.postgres.accuracy import Accuracy
from analytics_platform.quality.metrics import Family, HourOfStream, families, render
from analytics_platform.service.metrics import measured
from analytics_platform_tests.alerts.test_deliver import publish
from analytics_platform_tests.ledger.test_publication import HOUR, cycle, ledger, manifest
from analytics_platform_tests.pipeline.house import stream

__all__ = ["cycle", "ledger"]
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
LINE = re.compile(r'^[a-z_]+\{(?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*\} [-+0-9.einfa]+$')


def hour(stream="bids", **outcomes):
    counted = {Outcome(name): count for name, count in outcomes.items()}
    return HourOfStream(
        stream=stream,
        batches=2,
        offsets=110,
        gaps=10,
        rows=sum(counted.values()),
        outcomes=counted,
        too_late=1,
        verdicts=10,
        failed=1,
        age_seconds=0.5,
        timeliness_seconds=2.0,
        at=NOON,
    )


def value(found, name, **labels):
    (family,) = [f for f in found if f.name == name]
    return {tuple(sorted(la.items())): v for la, v in family.samples}[tuple(sorted(labels.items()))]


def test_ratios_follow_from_outcomes():
    counted = hour(published=80, duplicate=10, conflict=2, quarantined=8)
    found = families([counted], {("bids/silver", "error"): 3}, {"error": 1}, {}, NOON + timedelta(minutes=1))
    assert value(found, "ap_completeness_ratio", stream="bids") == 0.9
    assert value(found, "ap_validity_ratio", stream="bids") == 0.92
    assert value(found, "ap_uniqueness_ratio", stream="bids") == 0.88
    assert value(found, "ap_check_error_ratio", stream="bids") == 0.1
    assert value(found, "ap_silence_seconds", stream="bids") == 60.0
    assert value(found, "ap_checks_failing", asset="bids/silver", severity="error") == 3.0


def test_what_is_missing_late_and_written_in_which_schema_is_shown_by_share():
    measures = {"missing.price": 8.0, "schema.3": 90.0, "schema.unknown": 10.0, "late_rows": 5.0}
    counted = replace(hour(published=80, quarantined=20), measures=measures, late_seconds=7.5)
    found = families([counted], {}, {}, {}, NOON)
    assert value(found, "ap_missing_ratio", stream="bids", column="price") == 0.1
    assert value(found, "ap_schema_ratio", stream="bids", schema="3") == 0.9
    assert value(found, "ap_schema_ratio", stream="bids", schema="unknown") == 0.1
    assert value(found, "ap_hour_rows_late", stream="bids") == 5.0
    assert value(found, "ap_lateness_seconds", stream="bids") == 7.5


def test_an_hour_without_rows_has_no_ratios_and_divides_by_nothing():
    found = {f.name: f.samples for f in families([hour()], {}, {}, {}, NOON)}
    assert not found["ap_validity_ratio"] and found["ap_hour_batches"]


@given(st.text(min_size=1), st.floats(allow_nan=False))
def test_whatever_a_label_holds_the_line_stays_a_line(text, number):
    rendered = render([Family(name="ap_x", help="h", samples=[({"asset": text}, number)])], is_openmetrics=True)
    *lines, end, last = rendered.split("\n")
    assert (end, last) == ("# EOF", "") and len([li for li in lines if not li.startswith("#")]) >= 1
    assert LINE.match("\n".join(lines[2:])), lines


def test_the_ledger_sums_the_latest_revisions_of_the_newest_hour(ledger):
    publish(ledger, manifest(1), manifest(2, passed=False))
    publish(ledger, manifest(1, revision=2), at=HOUR + timedelta(minutes=1))
    (row,) = store.newest_hours(ledger, ["s"])
    assert (row["batches"], row["rows"], row["gaps"], row["verdicts"], row["failed"]) == (2, 18, 2, 2, 1)
    assert row["outcomes"] == {"published": 16, "conflict": 2}
    assert store.failing_counts(ledger) == {("s/silver", "error"): 1}
    assert all(family.name.startswith("ap_") for family in measured(ledger, catalog_of([stream("s")]), NOON))


def test_the_newest_hours_accuracy_is_told_of_what_is_declared(ledger):
    for hours, share in enumerate([0.5, 0.9]):
        found = Accuracy(check="checks_metric_till", reference="till", value=share)
        accuracy.keep(ledger, "s", [found], HOUR + timedelta(hours=hours))
        accuracy.keep(ledger, "nobody declared", [found], HOUR)
    found = measured(ledger, catalog_of([stream("s")]), NOON)
    (family,) = [f for f in found if f.name == "ap_accuracy_ratio"]
    assert family.samples == [({"product": "s", "check": "checks_metric_till", "reference": "till"}, 0.9)]
    hours = ledger.execute("select value from accuracy where product = 's' order by hour").fetchall()
    assert hours == [(0.5,), (0.9,)]
