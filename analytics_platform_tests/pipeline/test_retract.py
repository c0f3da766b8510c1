"""What got through can be taken back, and given again: over random histories, as if it had never been so."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_platform.ledger.rework import Kind, OrderRefusedError
from analytics_platform_tests.brokers import fresh_ledger
from analytics_platform_tests.pipeline import histories as h
from analytics_platform_tests.pipeline.histories import CHECKED, HISTORIES, empty, opened, play
from analytics_platform_tests.pipeline.ordered import discard, is_worked_off, release, rework, states

FEW = settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])


def retract(parts, *numbers):
    return rework(parts, Kind.RETRACT, *numbers)


def retraction_is_exact(postgres, history, number):
    """Publish, retract, publish again; and the same history without the batch. Raises AssertionError."""
    with TemporaryDirectory() as folder, fresh_ledger(postgres) as dsn:
        kafka = empty()
        with opened(dsn, folder_of(folder), kafka, pipeline=CHECKED) as parts:
            play(parts, kafka, history)
            published, rows = h.everything(parts), h.silver(parts)
            assert rows == h.expected(history) and h.revenue(parts) == h.summed(rows)
            retract(parts, number)
            retracted, rows = h.content(parts, late=False), h.silver(parts)
            assert rows == h.expected(history, gone={number}) and h.revenue(parts) == h.summed(rows)
            assert is_worked_off(parts) and states(parts)[number] == "discarded"
            release(parts, number)
            assert h.everything(parts) == published and is_worked_off(parts)
    with TemporaryDirectory() as folder, fresh_ledger(postgres) as dsn:
        kafka = empty()
        with opened(dsn, folder_of(folder), kafka, pipeline=CHECKED) as parts:
            play(parts, kafka, history, without={number})
            assert h.content(parts, late=False) == retracted


def release_is_exact(postgres, history, number):
    """Held and then released, with the row that held it thrown out by its own rule, or never held: the same.

    What the release changes of the model was not called complete while the batch was held.
    """
    found = []
    for pipeline in (CHECKED, without_contract()):
        with TemporaryDirectory() as folder, fresh_ledger(postgres) as dsn:
            kafka = empty()
            with opened(dsn, folder_of(folder), kafka, pipeline=pipeline) as parts:
                play(parts, kafka, history, spoiled={number})
                if pipeline is CHECKED:
                    assert states(parts)[number] == "held"
                    before, lacks = h.revenue(parts), h.incomplete(parts)
                    release(parts, number)
                    changed = {minute for minute, _ in before.items() ^ h.revenue(parts).items()}
                    assert changed - h.disputed(history) <= lacks and not h.incomplete(parts)
                assert set(states(parts).values()) == {"published"} and is_worked_off(parts)
                found.append(h.everything(parts))
    assert found[0] == found[1]


def without_contract():
    return replace(CHECKED, streams=(replace(CHECKED.streams[0], contract=""),))


def folder_of(name):
    return Path(name) / "tables"


@FEW
@given(HISTORIES, st.data())
def test_publish_retract_publish_is_publish_and_retract_is_a_history_without_it(postgres, history, data):
    retraction_is_exact(postgres, history, data.draw(st.integers(1, len(history))))


@FEW
@given(HISTORIES, st.data())
def test_released_after_hold_is_never_held(postgres, history, data):
    release_is_exact(postgres, history, data.draw(st.integers(1, len(history))))


def test_readers_are_told_and_only_what_they_had_can_be_taken_back(ledger_dsn, tmp_path):
    kafka = empty()
    with opened(ledger_dsn, tmp_path, kafka, pipeline=CHECKED) as parts:
        play(parts, kafka, [[h.One(1, 5, 0)], [h.One(2, 5, 0)]], spoiled={2})
        with pytest.raises(OrderRefusedError, match="discard"):
            retract(parts, 2)
        retract(parts, 1)
        told = parts.ledger.execute("select key, body from outbox where kind = 'batch retracted'").fetchall()
        assert told == [("orders/1", {"reason": "retracted by ada: known spike"})]
        discard(parts, 2)
        with pytest.raises(OrderRefusedError, match="never had"):
            retract(parts, 1)


def test_a_verdict_reproduces(ledger_dsn, tmp_path):
    kafka = empty()
    with opened(ledger_dsn, tmp_path, kafka, pipeline=CHECKED) as parts:
        play(parts, kafka, [[h.One(1, 5, 0)], [h.One(2, 5, 0)]], spoiled={2})
        before = h.everything(parts)
    with opened(ledger_dsn, tmp_path, kafka, pipeline=without_contract()) as parts:  # today there is no contract
        done = rework(parts, Kind.REJUDGE, 1, 2)
        assert (done.changed, h.everything(parts)) == (0, before) and states(parts)[2] == "held"
