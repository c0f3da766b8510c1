"""Folding keeps the number of files small, and leaves alone what may still be rewritten."""

from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.lake.fold import (
    FILES_PER_FOLD,
    MOST_BYTES,
    MOST_WAITING,
    TIERS,
    files_begun,
    files_of_model_to_fold,
    files_to_fold,
)
from analytics_platform.lake.shapes import DataFile


def file(low, high, size):
    return DataFile(path=f"{low}-{high}", rows=1, size=size, low={"batch": low}, high={"batch": high})


@given(st.lists(st.integers(1, 40 << 20), max_size=80), st.integers(0, 90))
def test_a_batch_that_may_be_rewritten_is_never_folded(sizes, first_open):
    files = [file(number, number, size) for number, size in enumerate(sizes)]
    assert all(f.high["batch"] < first_open for f in files_to_fold(files, first_open))


@given(st.lists(st.integers(1, TIERS[-1] - 1), min_size=2 * FILES_PER_FOLD, max_size=3 * FILES_PER_FOLD))
def test_a_fold_fits_into_memory_and_what_it_makes_is_of_a_higher_tier(sizes):
    folded = files_to_fold([file(number, number, size) for number, size in enumerate(sizes)], len(sizes))
    made = sum(f.size for f in folded)
    assert len(folded) >= 2 and made <= MOST_BYTES
    assert made >= (FILES_PER_FOLD if max(f.size for f in folded) < TIERS[0] else TIERS[-1])


def test_while_a_backlog_is_drained_three_times_as_many_files_may_wait():
    files = [file(number, number, TIERS[0]) for number in range(MOST_WAITING)]
    assert files_to_fold(files[1:], MOST_WAITING, at_least=MOST_WAITING) == []
    assert len(files_to_fold(files, MOST_WAITING, at_least=MOST_WAITING)) == MOST_BYTES // TIERS[0]


def test_a_table_of_many_commits_stays_a_few_files():
    files, rewritten = [], 0
    for batch in range(5000):
        files.append(file(batch, batch, 60_000))
        folded = files_to_fold(files, batch + 1)
        if folded:
            rewritten += sum(f.size for f in folded)
            size = sum(f.size for f in folded)
            files = [f for f in files if f not in folded]
            files.append(file(folded[0].low["batch"], folded[-1].high["batch"], size))
    assert len(files) < 3 * FILES_PER_FOLD
    assert rewritten <= 2 * 5000 * 60_000
    assert max(f.size for f in files) < 2 * FILES_PER_FOLD * TIERS[-1]


def test_retention_begins_with_files_that_hold_anything_before_the_limit():
    files = [file(1, 5, 1), file(4, 9, 1), file(9, 10, 1)]
    assert files_begun(files, "batch", 9) == files[:2]


def test_a_models_oldest_small_files_are_folded_and_never_those_that_time_still_reaches():
    def of_model(low, size=1000):
        return DataFile(path=str(low), rows=1, size=size, low={"minute": low}, high={"minute": low})

    large, small = [of_model(0, TIERS[0])], [of_model(low) for low in range(1, 2 * FILES_PER_FOLD + 1)]
    assert files_of_model_to_fold([*large, *small[1:]], "minute") == []
    assert files_of_model_to_fold([*reversed(small), *large], "minute") == small[:FILES_PER_FOLD]
