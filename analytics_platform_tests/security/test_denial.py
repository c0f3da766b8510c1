from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analytics_platform.security.acl import CLUSTER, Grant, Kind, Operation, Resource, topic_named
from analytics_platform.security.certificates import issue, new_authority
from analytics_platform.security.cluster import Cluster
from analytics_platform.security.denial import ANONYMOUS, remedy_for
from analytics_platform.security.principal import principal_of
from analytics_platform.settings import KafkaProtocol

PLAIN = Cluster(bootstrap="h:1")


@pytest.mark.parametrize(
    ("grant", "line"),
    [
        (Grant(Operation.READ, topic_named("bids")), "`reads: [bids]`"),
        (Grant(Operation.DESCRIBE, topic_named("bids")), "`reads: [bids]`"),
        (Grant(Operation.WRITE, topic_named("bids")), "`writes: [bids]`"),
        (Grant(Operation.READ, Resource(Kind.GROUP, "g")), "`groups: [g]`"),
        (Grant(Operation.DESCRIBE, Resource(Kind.GROUP, "*")), "`like: operator`"),
        (Grant(Operation.WRITE, Resource(Kind.TRANSACTIONAL_ID, "t")), "`transactions: [t]`"),
        (Grant(Operation.ALTER, CLUSTER), "`like: admin`"),
    ],
)
def test_somebody_is_told_the_line_to_add_and_where(grant, line):
    said = remedy_for("User:web-shop", grant)
    assert f"in infra/kafka/access.yaml add {line} to `principals: web-shop:`" in said
    assert "`ap access apply`" in said


def test_a_part_is_told_to_apply_what_follows_from_the_streams():
    assert "`ap access apply`" in remedy_for("User:planner", Grant(Operation.READ, topic_named("bids")))


def test_nobody_is_told_to_show_who_they_are():
    assert "AP_KAFKA_PROTOCOL" in remedy_for(ANONYMOUS, Grant(Operation.READ, topic_named("bids")))


def test_who_we_are_is_the_certificates_name_or_the_users(tmp_path: Path):
    now = datetime.now(UTC)
    file = tmp_path / "planner.pem"
    file.write_bytes(issue(new_authority("here", now), "planner", now).pem)
    shown = replace(PLAIN, protocol=KafkaProtocol.SSL, certificate_file=str(file))
    known = replace(PLAIN, protocol=KafkaProtocol.SASL_SSL, user="ana")
    assert (principal_of(shown), principal_of(known)) == ("User:planner", "User:ana")


@pytest.mark.parametrize("cluster", [PLAIN, replace(PLAIN, protocol=KafkaProtocol.SSL, certificate_file="/nowhere")])
def test_who_shows_nothing_that_can_be_read_is_nobody(cluster):
    assert principal_of(cluster) == ANONYMOUS
