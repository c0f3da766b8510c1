"""Who asked for a run: the proxy's word at the UI, whatever tags say; elsewhere what Dagster itself notes."""

from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.definitions.asked import ASKED_TAG, KNOWN_TAG, PLANNER, asked_at_the_ui, asked_elsewhere

TAGS = st.sampled_from(["dagster/sensor_name", "dagster/schedule_name", "dagster/backfill", "team"])


@given(st.none() | st.text(max_size=300), st.sampled_from(["", "X-Forwarded-Email"]))
def test_whatever_the_header_holds_there_is_a_name_and_how_it_is_known(user, header):
    found = asked_at_the_ui(user, header, "root")
    assert found[ASKED_TAG].strip() and found[KNOWN_TAG].strip()
    assert found[ASKED_TAG].isprintable() and len(found[ASKED_TAG]) <= 100


def test_the_proxy_says_who_it_was_and_without_one_it_was_the_uis_account():
    assert asked_at_the_ui("ana@x", "X-Forwarded-Email", "root") == {
        ASKED_TAG: "ana@x",
        KNOWN_TAG: "header X-Forwarded-Email",
    }
    assert asked_at_the_ui(None, "X-Forwarded-Email", "root")[ASKED_TAG] == "nobody known"
    assert asked_at_the_ui("ana@x", "", "root")[ASKED_TAG] == "root"  # a header that nobody was told to believe


@given(st.dictionaries(TAGS, st.text(min_size=1)))
def test_every_other_run_has_a_name_too(tags):
    found = asked_elsewhere(tags, "root")
    assert found[ASKED_TAG] in {*tags.values(), "root"}


def test_a_run_that_has_a_name_keeps_it():
    assert asked_elsewhere(PLANNER, "root") == {}
