"""What a table's condition is blamed for, and what not."""

from dataclasses import replace

from analytics_platform.lake.condition import MOST_DEAD, MOST_SMALL, Condition, small
from analytics_platform.lake.fold import TIERS
from analytics_platform.lake.shapes import DataFile

KEPT = Condition(
    table="bids/silver",
    files=100,
    bytes=1 << 30,
    small_files=MOST_SMALL,
    log_entries=900,
    dead_entries=MOST_DEAD,
    unread_files=0,
)


def test_a_table_within_its_bounds_has_no_problems():
    assert KEPT.problems() == []
    assert KEPT.figures()["small files"] == MOST_SMALL


def test_each_bound_has_its_own_words():
    worse = replace(KEPT, small_files=MOST_SMALL + 1, dead_entries=MOST_DEAD + 1, unread_files=3)
    assert [problem.split()[0] for problem in worse.problems()] == [str(MOST_SMALL + 1), str(MOST_DEAD + 1), "3"]


def test_a_table_that_is_never_folded_is_not_blamed_for_small_files():
    found = replace(KEPT, small_files=None)
    assert found.problems() == []
    assert "small files" not in found.figures()


def test_files_of_the_largest_tier_are_not_small():
    sizes = (1, TIERS[0], TIERS[-1] - 1, TIERS[-1], TIERS[-1] * 2)
    assert small([DataFile(path=str(size), rows=1, size=size, low={}, high={}) for size in sizes]) == 3
