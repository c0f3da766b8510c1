"""One broker fixture for the suites that run on the bulk reader, the plain one and the fake."""

from uuid import uuid4

import pytest
from hypothesis import settings

from analytics_platform.ingest.kafka.fetch import KafkaReader, PlainReader
from analytics_platform_tests.fakes import FakeKafka
from analytics_platform_tests.ingest.topics import KafkaTopics

for module in ("on_kafka", "cases_of_records", "cases_of_brokers"):  # they assert, and no test is in them
    pytest.register_assert_rewrite(f"analytics_platform_tests.ingest.{module}")

settings.register_profile("busy", deadline=None)  # a deadline measures the machine's other work, not ours
settings.load_profile("busy")

KINDS = {"bulk": KafkaReader, "plain": PlainReader}


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: needs brokers of its own; runs in proofs, or with -m slow")


def pytest_collection_modifyitems(config, items):
    if "slow" not in config.option.markexpr:
        slow = [item for item in items if item.get_closest_marker("slow")]
        items[:] = [item for item in items if item not in slow]
        config.hook.pytest_deselected(items=slow)


@pytest.fixture(params=["bulk", "plain", "memory"])
def broker(request):
    if request.param == "memory":
        return FakeKafka()
    return KafkaTopics(request.getfixturevalue("kafka").bootstrap, KINDS[request.param])


@pytest.fixture
def real(kafka):
    return KafkaTopics(kafka.bootstrap, KafkaReader)


@pytest.fixture
def name():
    return f"fetch-{uuid4().hex[:12]}"
