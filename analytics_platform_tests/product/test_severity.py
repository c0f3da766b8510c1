"""How bad an incident is: defined for everything, never less for what is worse, and as the four levels are meant."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.product.severity import (
    LONG_OVERDUE,
    Freshness,
    Impact,
    Readers,
    Sev,
    freshness_of,
    severity_of,
)

IMPACTS = st.builds(
    Impact, readers=st.sampled_from(Readers), freshness=st.sampled_from(Freshness), personal_data=st.booleans()
)
AGES = st.timedeltas(timedelta(0), timedelta(days=3650))
WORST_FIRST = list(Sev)


def badness(impact):
    return -WORST_FIRST.index(severity_of(impact))


@given(IMPACTS, IMPACTS)
def test_what_is_worse_in_any_respect_is_never_less_bad(one, other):
    worse = Impact(
        readers=max(one.readers, other.readers),
        freshness=max(one.freshness, other.freshness),
        personal_data=one.personal_data or other.personal_data,
    )
    assert badness(worse) >= max(badness(one), badness(other))


@given(IMPACTS)
def test_personal_data_and_wrong_answers_are_the_worst_whatever_else_is(impact):
    assert severity_of(replace(impact, personal_data=True)) is Sev.SEV1
    assert severity_of(replace(impact, readers=Readers.WRONG)) is Sev.SEV1


@given(IMPACTS)
def test_the_least_is_for_what_touches_nobody_and_nothing_else(impact):
    assert (severity_of(impact) is Sev.SEV4) == (impact == Impact())


@pytest.mark.parametrize(
    ("readers", "freshness", "found"),
    [
        (Readers.UNTOUCHED, Freshness.BROKEN, Sev.SEV3),
        (Readers.LACKING, Freshness.KEPT, Sev.SEV3),
        (Readers.UNTOUCHED, Freshness.LONG_BROKEN, Sev.SEV2),
        (Readers.LACKING, Freshness.BROKEN, Sev.SEV2),
        (Readers.LACKING, Freshness.LONG_BROKEN, Sev.SEV2),
    ],
)
def test_between_them_it_is_what_readers_lack_and_for_how_long(readers, freshness, found):
    assert severity_of(Impact(readers=readers, freshness=freshness)) is found


@given(AGES, st.timedeltas(timedelta(seconds=1), timedelta(days=30)))
def test_a_promise_is_kept_up_to_its_last_instant_and_long_broken_after_ten_of_it(age, promised):
    found = freshness_of(age, promised)
    assert (found is Freshness.KEPT) == (age <= promised)
    assert (found is Freshness.LONG_BROKEN) == (age > LONG_OVERDUE * promised)
