"""`make lint` holds the policy, its page and open proposals together."""

from analytics_platform.governance.page import page_of
from analytics_platform.pipeline.governance.desk import policy_of
from analytics_platform.pipeline.governance.lint import faults
from analytics_platform_tests.pipeline.governance.test_adoption import here, voted
from analytics_platform_tests.service.test_api import A

__all__ = ["here"]


def test_the_page_must_be_there_and_say_what_the_policy_says(tmp_path):
    page = tmp_path / "governance.md"
    assert "governance.md: is not what governance.yaml says" in faults(tmp_path, page)[0]
    page.write_text(page_of(policy_of(tmp_path)))
    assert faults(tmp_path, page) == []
    page.write_text(page.read_text() + "- And whatever else.\n")
    assert "`ap schema policy --into docs/governance.md`" in faults(tmp_path, page)[0]


def test_a_vote_that_somebody_else_committed_is_named(here):
    voted(here, "s", A, "ben")
    assert faults(here.folder) == []
    votes = here.folder / "s" / "proposals" / "schema-1" / "votes"
    here.write(
        {"s/proposals/schema-1/votes/cem.yaml": lambda _: (votes / "ben.yaml").read_text().replace("ben", "cem")},
        "x",
        "x",
    )
    (found,) = faults(here.folder)
    assert "cem.yaml: was not committed by cem <cem@x>" in found
