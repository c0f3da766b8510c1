"""One broker fixture for the suites that run on the bulk reader, the plain one and the fake."""

from uuid import uuid4

import pytest
from hypothesis import settings

from analytics_platform.ingest.kafka.fetch import KafkaReader, PlainReader
from analytics_platform_tests.fakes import FakeKafka
from analytics_platform_tests.ingest.topics import KafkaTopics

settings.register_profile("busy", deadline=None)  # a deadline measures the machine's other work, not ours
settings.load_profile("busy")

KINDS = {"bulk": KafkaReader, "plain": PlainReader}


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
