"""No sequence of acts, edits, restarts and clock moves publishes what its policy did not approve.

A state machine does what people do and what they should not: it proposes, edits, votes, forges, lends seats, breaks
glass, restarts, moves the clock both ways and exchanges the policy. What the gate lets through, an oracle must allow
that keeps its own record and shares no code with the platform. Then faults are planted into the deciding code, one at a
time: the oracle must object to each, or it would prove nothing. They are looked for by whole campaigns, from a proposal
to its publication, since most of the machine's acts lead nowhere.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from analytics_platform_tests.governance.campaigns import CAMPAIGNS, Campaign, contents
from analytics_platform_tests.governance.faults import FAULTS, planted
from analytics_platform_tests.governance.machine import SEEN, Governed
from analytics_platform_tests.governance.policies import POLICIES, Content
from analytics_platform_tests.proofs.report import Report

EXAMPLES, STEPS = 400, 40
CAMPAIGNED = 3_000  # sequences of campaigns, in which a fault must be found
CAMPAIGNS_EACH = 6


def prove(report: Report) -> None:
    """Run the machine as the code is, then with each fault."""
    report.step(f"{EXAMPLES} sequences of up to {STEPS} acts")
    held = not _finds(report.seed, EXAMPLES)
    report.claim("nothing was published that the oracle does not allow", holds=held)
    for what, count in sorted(SEEN.items()):
        report.figure(what, count)
    report.claim("some was published without being asked about", holds=SEEN["published unasked"] > 50)
    report.claim("some was published after votes", holds=SEEN["published after votes"] > 20)
    report.claim("some was refused rightly", holds=SEEN["refused, rightly"] > 100)
    report.step(f"{len(FAULTS)} faults, planted one at a time")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for fault, found in zip(FAULTS, pool.map(partial(_is_found, report.seed), range(len(FAULTS))), strict=True):
            report.claim(f"is found: {fault.name}", holds=found)


def _is_found(seed: int, number: int) -> bool:
    """Whether the oracle objects once that fault is planted; in a process of its own."""
    with planted(FAULTS[number]):
        return _campaigns_find(seed)


def _finds(seed: int, examples: int) -> bool:
    """Whether the machine comes to something unlawful."""
    how = settings(_generating(examples), stateful_step_count=STEPS)
    try:
        run_state_machine_as_test(hypothesis.seed(seed)(Governed), settings=how)
    except AssertionError:
        return True
    return False


def _campaigns_find(seed: int) -> bool:
    """Whether some sequence of campaigns comes to something unlawful."""

    def campaigning(policy: int, first: Content, campaigns: Sequence[Campaign]) -> None:
        governed = Governed()
        try:
            governed.begin(policy=policy, first=first)
            for campaign in campaigns:
                governed.campaign(campaign=campaign)
                assert governed.unlawful == []
        finally:
            governed.teardown()

    several = st.lists(CAMPAIGNS, min_size=1, max_size=CAMPAIGNS_EACH)
    given = hypothesis.given(st.sampled_from(range(len(POLICIES))), contents, several)
    try:
        hypothesis.seed(seed)(_generating(CAMPAIGNED)(given(campaigning)))()
    except AssertionError:
        return True
    return False


def _generating(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
