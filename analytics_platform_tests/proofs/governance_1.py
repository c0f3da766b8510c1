"""No sequence of acts, edits, restarts and clock moves publishes what its policy did not approve.

A state machine does what people do and what they should not: it proposes, edits, votes, forges, lends seats, breaks
glass, restarts, moves the clock both ways and exchanges the policy. What the gate lets through, an oracle must allow
that keeps its own record and shares no code with the platform. Then faults are planted into the deciding code, one at a
time: the machine must turn red for each, or it would prove nothing.
"""

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from analytics_platform_tests.governance.faults import FAULTS, Fault, planted
from analytics_platform_tests.governance.machine import SEEN, Governed
from analytics_platform_tests.proofs.report import Report

EXAMPLES, STEPS = 400, 40
ROUNDS = 6  # of EXAMPLES each, in which a fault must be found


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
        report.claim(f"is found: {fault.name}", holds=_is_found(fault, report.seed))


def _is_found(fault: Fault, seed: int) -> bool:
    with planted(fault):
        return any(_finds(seed + round_, EXAMPLES) for round_ in range(ROUNDS))


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
