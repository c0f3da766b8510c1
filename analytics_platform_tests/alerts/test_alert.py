"""One alert for one cause, whatever fails below it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.alerts.alert import Alert, Column, Failing, Known, alerts_of
from analytics_platform.alerts.folding import changed_alerts

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
MODELS = [f"m{n}" for n in range(10)]
KNOWN = Known(
    owners={"bids/silver": "team:auctions", **dict.fromkeys(MODELS, "team:gold")},
    pipelines={"bids/silver": "house"},
    origins={
        **{(model, "price"): [("bids/silver", "price")] for model in MODELS},
        **{(model, "hour"): [("bids/silver", "at")] for model in MODELS},
        ("top", "total"): [("m1", "price")],
        ("top", "when"): [("m1", "hour")],
    },
)
BROKEN = Failing(
    asset="bids/silver",
    check="columns_price_checks_invalid",
    stream="bids",
    number=7,
    severity="error",
    column="price",
    detail="prices are prices: must be = 0",
    since=NOON,
)


def below(model, column="price", check="columns_price_checks_missing"):
    return replace(BROKEN, asset=model, check=check, stream=model, number=0, column=column)


def test_ten_models_below_one_broken_column_are_one_alert():
    alerts = alerts_of([*(below(model) for model in MODELS), BROKEN], KNOWN)
    (alert,) = alerts.values()
    assert (alert.labels["asset"], alert.labels["cause"], alert.labels["owner"]) == (
        "bids/silver",
        "price",
        "team:auctions",
    )
    assert alert.annotations["batches"] == "bids/7" and "m9" in alert.annotations["also failing below"]


def test_models_that_are_frozen_are_named_in_the_alert_of_their_cause():
    frozen: dict[Column, list[str]] = {("bids/silver", "price"): ["m1", "m0"], ("bids/silver", "at"): ["m2"]}
    (alert,) = alerts_of([BROKEN], KNOWN, frozen).values()
    assert alert.annotations["frozen"] == "m0, m1" and "frozen" not in alert.labels


def test_the_cause_is_found_through_several_models():
    assert len(alerts_of([BROKEN, below("top", "total"), below("m1")], KNOWN)) == 1
    assert len(alerts_of([BROKEN, below("top", "when")], KNOWN)) == 2  # its values come from another column


def test_a_check_of_rows_as_a_whole_belongs_to_a_column_that_fails_above_it():
    rows = below("m3", None, "checks_duplicate")
    assert len(alerts_of([BROKEN, rows], KNOWN)) == 1
    (alone,) = alerts_of([rows], KNOWN).values()
    assert alone.labels["cause"] == "check checks_duplicate"


def test_two_independent_faults_are_two_alerts():
    other = replace(BROKEN, check="columns_url_checks_missing", column="url")
    assert len(alerts_of([BROKEN, other, *(below(model) for model in MODELS)], KNOWN)) == 2


def test_checks_and_batches_of_one_column_are_one_alert_of_the_worst_severity():
    warned = replace(BROKEN, check="columns_price_checks_unit", severity="warn", number=9, since=NOON - timedelta(1))
    (alert,) = alerts_of([BROKEN, warned], KNOWN).values()
    assert alert.labels["severity"] == "error" and alert.annotations["batches"] == "bids/7, bids/9"
    assert alert.starts_at == NOON - timedelta(1)


@given(st.permutations([BROKEN, below("m1"), below("m2", None, "rows"), replace(BROKEN, number=8)]))
def test_the_key_does_not_depend_on_what_was_seen_first(failing):
    assert alerts_of(failing, KNOWN).keys() == alerts_of([BROKEN], KNOWN).keys()


def test_an_alert_is_made_once_changed_when_it_tells_more_and_ends_when_nothing_fails():
    first = alerts_of([BROKEN], KNOWN)
    (made,) = changed_alerts({}, first, (), NOON)
    assert changed_alerts(first, first, (), NOON) == []
    later = alerts_of([replace(BROKEN, since=NOON + timedelta(1)), replace(BROKEN, number=8)], KNOWN)
    (more,) = changed_alerts(first, later, (), NOON)
    assert more.key == made.key and more.starts_at == made.starts_at and "bids/8" in more.annotations["batches"]
    (ended,) = changed_alerts(first, {}, (), NOON + timedelta(1))
    assert ended.key == made.key and ended.ends_at == NOON + timedelta(1) and not ended.is_firing(NOON + timedelta(2))


def test_what_is_no_check_ends_only_when_it_is_said_to_be_over():
    run = Alert(labels={"alertname": "RunsFailing", "subject": "house"}, annotations={}, starts_at=NOON)
    assert changed_alerts({run.key: run}, {}, (), NOON) == []
    (ended,) = changed_alerts({run.key: run}, {}, {run.key}, NOON)
    assert ended.ends_at == NOON


@pytest.mark.parametrize(
    ("changed", "sev"),
    [
        ({}, "SEV3"),
        ({"check": "freshness"}, "SEV2"),
        ({"severity": "warn", "check": "freshness"}, "SEV3"),
        ({"severity": "warn"}, "SEV4"),
    ],
)
def test_an_alert_says_how_bad_it_is_and_stays_the_same_alert_when_that_changes(changed, sev):
    (alert,) = alerts_of([replace(BROKEN, **changed)], KNOWN).values()
    assert alert.annotations["sev"] == sev and sev not in alert.labels.values()
