"""No sequence of acts, edits, restarts and clock moves publishes what its policy did not approve.

A state machine does what people do and what they should not: it proposes, edits, votes, forges, lends seats, breaks
glass, restarts, moves the clock both ways and exchanges the policy. What the gate lets through, an oracle must allow
that keeps its own record and shares no code with the platform. Then faults are planted into the deciding code, one at
a time: in a scene that shows it, the machine must publish what the oracle does not allow, or it would prove nothing.
"""

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from analytics_platform_tests.governance.faults import FAULTS, FIRST, Scene, planted
from analytics_platform_tests.governance.machine import SEEN, Governed
from analytics_platform_tests.proofs.report import Report

EXAMPLES, STEPS = 400, 40


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
    for fault in FAULTS:
        is_clean = not _is_unlawful(fault.shown_by)
        with planted(fault):
            report.claim(f"is found: {fault.name}", holds=is_clean and _is_unlawful(fault.shown_by))


def _is_unlawful(scene: Scene) -> bool:
    """Whether the machine publishes what its oracle does not allow, in that scene."""
    governed = Governed()
    try:
        governed.begin(policy=scene.policy, first=FIRST)
        for campaign in scene.campaigns:
            governed.campaign(campaign=campaign)
        return bool(governed.unlawful)
    finally:
        governed.teardown()


def _finds(seed: int, examples: int) -> bool:
    """Whether the machine comes to something unlawful."""
    how = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(hypothesis.seed(seed)(Governed), settings=how)
    except AssertionError:
        return True
    return False
