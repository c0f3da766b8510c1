"""Fixtures of the pipeline's tests."""

import pytest

from analytics_platform_tests.pipeline.house import NOON, Clock


@pytest.fixture
def clock() -> Clock:
    """A clock that a test moves, at noon."""
    return Clock(NOON)
