"""Before a merge, each version that got an id on the branch must have the votes that the policy asks for."""

import pytest

from analytics_platform.governance.record import NoFacts
from analytics_platform.governance.store import LedgerFacts
from analytics_platform.pipeline.governance.desk import NOBODY
from analytics_platform.pipeline.governance.merging import unapproved
from analytics_platform.pipeline.governance.opening import judge_for
from analytics_platform_tests.pipeline.governance.test_adoption import draft, here, voted
from analytics_platform_tests.service.served import git
from analytics_platform_tests.service.test_api import A, B

__all__ = ["here"]


@pytest.fixture
def start(here):
    return git(here.folder, "rev-parse", "HEAD").strip()


def test_what_was_there_before_and_what_has_its_votes_is_fine(here, start):
    voted(here, "s", A, "ben", "cem")
    here.publish(draft("s", A), judge_for(here, NOBODY))
    assert unapproved(here.folder, start, NoFacts(), NOBODY) == []
    assert unapproved(here.folder, "HEAD", NoFacts(), NOBODY) == []


def test_each_that_lacks_votes_is_named_with_its_line_and_the_remedy(here, start):
    voted(here, "s", A, "ben")
    here.publish(draft("s", A), lambda *_: None)
    here.publish(draft("s", B), lambda *_: None)
    first, second = unapproved(here.folder, start, NoFacts(), NOBODY)
    assert first.startswith("ids.lock") and "s version 1 waits for 1 of board; have it approved" in first
    assert "s version 2 waits for 2 of board" in second


def test_votes_of_people_with_tokens_need_the_ledger(here, start):
    policy = here.folder / "governance.yaml"
    policy.write_text(policy.read_text().replace("{email: cem@x}", "{email: cem@x, known_by: token}"))
    voted(here, "s", A, "ben", "cem")
    here.publish(draft("s", A), judge_for(here, NOBODY))
    (offline,) = unapproved(here.folder, start, NoFacts(), NOBODY)
    assert "s version 1 waits for 1 of board" in offline
    assert unapproved(here.folder, start, LedgerFacts(here.connection), NOBODY) == []
