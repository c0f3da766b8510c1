"""No sequence of acts publishes what its policy did not approve."""

from hypothesis import HealthCheck, settings

from analytics_platform_tests.governance.machine import Governed

TestGoverned = Governed.TestCase
TestGoverned.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
