"""Keys, authority and passwords change under a broker that is running, and everybody goes on."""

import stat
from contextlib import closing
from dataclasses import replace

import pytest
from click.testing import CliRunner
from confluent_kafka import Producer

from analytics_platform.cli.access_client import client_command
from analytics_platform.errors import AclMissingError, DistrustError, KafkaError, LocalError
from analytics_platform.ingest.kafka.client import Client
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.local.broker_access import AccessFolders, grant
from analytics_platform.local.instance import Instance, save_instance
from analytics_platform.local.rotation import (
    Step,
    revoke,
    rotate_authority,
    rotate_certificates,
    rotate_password,
)
from analytics_platform.security.cluster import cluster_of, for_librdkafka
from analytics_platform.security.parts import PartName
from analytics_platform.settings import as_environment, read_settings
from analytics_platform_tests.secured import running_own_kafka

HOUSE = "auction-house"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The settings of an instance whose broker runs, secured, and lets everybody do what is declared."""
    with running_own_kafka(tmp_path_factory.mktemp("own"), read_settings().jar_dir) as (settings, _):
        yield settings


def offsets(settings, part=PartName.PLANNER):
    with KafkaReader(cluster_of(settings, part)) as reader:
        return sum(each.end for each in reader.offsets(["bids"])["bids"])


def test_a_second_grant_changes_nothing_and_a_part_may_only_do_its_own(own):
    grant(own)
    assert offsets(own) == 0
    with closing(Client(cluster_of(own, PartName.DEAD_LETTERS))) as client, pytest.raises(AclMissingError):
        client.topics(["bids"])


def test_old_and_new_certificates_are_good_while_the_broker_shows_a_new_one(own):
    certificates = AccessFolders(own.state_dir).certificates
    old = certificates.of(PartName.PLANNER).read_bytes()
    with KafkaReader(cluster_of(own, PartName.PLANNER)) as reader:
        reader.offsets(["bids"])
        assert set(rotate_certificates(own)) >= {"broker", "planner", HOUSE}
        reader.offsets(["bids"])  # over the connection that was open
    assert certificates.of(PartName.PLANNER).read_bytes() != old
    offsets(own)


def test_what_is_handed_over_lets_a_stock_client_write_and_no_more(own, tmp_path):
    port = int(own.kafka_bootstrap.rpartition(":")[2])
    save_instance(own.state_dir, Instance(ports={"broker": port, "broker-people": port + 1}))
    AccessFolders(own.state_dir).certificates.of(HOUSE).unlink()  # as of a name that was added while the broker ran
    shown = handed_over(own, HOUSE, tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out" / f"{HOUSE}.pem").stat().st_mode) == 0o600
    producer, failed = Producer(shown), []
    for topic in ("bids", "unheard-of"):
        producer.produce(topic, b"x", on_delivery=lambda error, sent: error and failed.append(sent.topic()))
    assert producer.flush(60) == 0
    assert failed == ["unheard-of"]


def handed_over(settings, name, out):
    """The configuration of librdkafka that `ap access client` writes."""
    done = CliRunner().invoke(client_command, [name, "--out", str(out)], env=as_environment(settings))
    assert done.exit_code == 0, done.output
    lines = (out / "librdkafka.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_an_authority_is_changed_under_a_producer_that_never_stops(own, tmp_path):
    before = offsets(own)
    producer = Producer({**for_librdkafka(cluster_of(own, HOUSE)), "linger.ms": 0})
    failed = []

    def send():
        producer.produce("bids", b"x", on_delivery=lambda error, _: error and failed.append(error))
        assert producer.flush(60) == 0

    old = AccessFolders(own.state_dir).certificates.of(PartName.PLANNER)
    kept = tmp_path / "kept.pem"
    kept.write_bytes(old.read_bytes())
    send()
    for step in Step:
        rotate_authority(own, step)
        send()
        offsets(own)  # over a new connection
    assert not failed
    assert offsets(own) == before + 4
    with (
        closing(Client(replace(cluster_of(own, PartName.PLANNER), certificate_file=str(kept)))) as client,
        pytest.raises(DistrustError, match="refuses our certificate"),
    ):
        client.brokers()


def test_who_is_revoked_is_out_over_connections_that_are_open(own):
    with KafkaReader(cluster_of(own, PartName.OPERATOR)) as reader:
        reader.offsets(["bids"])
        revoke(own, PartName.OPERATOR)
        with pytest.raises(KafkaError):
            reader.offsets(["bids"])


def test_a_password_that_is_not_there_is_not_changed(own):
    with pytest.raises(LocalError, match="nobody has no password here"):
        rotate_password(own, "nobody")


def test_a_broker_that_is_somebody_elses_is_left_alone(own):
    with pytest.raises(LocalError, match="not this instance's own"):
        rotate_certificates(replace(own, kafka_ca_file=""))
