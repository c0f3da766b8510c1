"""A proposal tried on bronze: what is good today and breaks is counted, nothing else."""

from dataclasses import replace

from analytics_platform.pipeline.governance.backtest import Failure, backtest
from analytics_platform_tests.pipeline.governance.bronze import (
    NULLABLE,
    PRICE,
    SCHEMAS,
    STREAM,
    V1,
    V2,
    schema,
    value,
    write,
)

STRICT = schema(0, PRICE, {**NULLABLE, "type": "string", "default": ""})
PROPOSED = replace(SCHEMAS, reader=STRICT, writers={**SCHEMAS.writers, 0: STRICT})


def test_without_bronze_there_is_nothing_to_try(tmp_path):
    assert backtest(tmp_path, STREAM, SCHEMAS, PROPOSED, 100) is None


def test_rows_that_are_good_today_and_break_are_counted_by_reason_with_the_first_offsets(tmp_path):
    fine, null = value(V2, price=1, coupon="x"), value(V2, price=1, coupon=None)
    bad = value(V2, price=0, coupon=None)
    write(tmp_path, 1, [(0, 0, fine), (0, 1, null), (1, 0, value(V1, price=3)), (1, 1, bad), (1, 2, b"rubbish")])
    write(tmp_path, 2, [(0, 2, null), (1, 3, null), (1, 4, None)])

    found = backtest(tmp_path, STREAM, SCHEMAS, PROPOSED, 100)

    assert found is not None
    assert (found.events, found.kept, found.good, found.broken) == (8, 8, 5, 3)
    assert [(each.partition, each.offset) for each in found.first] == [(0, 1), (0, 2), (1, 3)]
    assert sum(count for _, count in found.reasons) == 3


def test_a_writer_that_the_proposal_cannot_read_at_all_breaks_with_all_its_rows(tmp_path):
    renamed = schema(0, PRICE, {"name": "needed", "type": "string"})
    proposed = replace(SCHEMAS, reader=renamed, writers={**SCHEMAS.writers, 0: renamed})
    write(tmp_path, 1, [(0, 0, value(V1, price=3)), (0, 1, value(V2, price=3, coupon="x"))])

    found = backtest(tmp_path, STREAM, SCHEMAS, proposed, 100)

    assert found is not None and (found.good, found.broken) == (2, 2)
    assert isinstance(found.first[0], Failure) and found.first[0].offset == 0


def test_a_row_rule_that_cannot_run_on_the_proposal_breaks_every_good_row(tmp_path):
    proposed = schema(0, {"name": "coupon", "type": ["null", "string"], "default": None})
    write(tmp_path, 1, [(0, 0, value(V1, price=3)), (0, 1, value(V1, price=-3))])

    found = backtest(
        tmp_path, STREAM, SCHEMAS, replace(SCHEMAS, reader=proposed, writers={**SCHEMAS.writers, 0: proposed}), 100
    )

    assert found is not None and (found.good, found.broken) == (1, 1)
    assert "a row rule cannot run" in found.first[0].reason


def test_of_a_long_bronze_the_newest_files_are_tried(tmp_path):
    null = value(V2, price=1, coupon=None)
    for batch in range(1, 5):
        write(tmp_path, batch, [(0, 2 * batch, null), (0, 2 * batch + 1, null)])

    found = backtest(tmp_path, STREAM, SCHEMAS, PROPOSED, 3)

    assert found is not None and (found.events, found.kept) == (4, 8)
    assert found.first[0].offset == 6
