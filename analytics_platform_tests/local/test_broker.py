import os
import shutil
import signal
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from analytics_platform.errors import LocalError
from analytics_platform.local import broker
from analytics_platform.local.jars import install_jars
from analytics_platform.local.process import free_port, launch, start_time
from analytics_platform.settings import read_settings
from analytics_platform_tests.brokers import START_SECONDS, Kafka, running_kafka

PORTS = broker.Ports(broker=19092, controller=19093)


@pytest.fixture(scope="module")
def classpath() -> str:
    return install_jars(read_settings().jar_dir, lambda _: None)


@pytest.fixture(scope="module")
def template(tmp_path_factory, classpath) -> Path:
    """A formatted folder, to be copied: that is quicker than formatting."""
    folder = tmp_path_factory.mktemp("template")
    broker.prepare(folder, PORTS, classpath)
    return folder


@pytest.fixture
def formatted(template, tmp_path) -> Path:
    """A formatted folder of this test's own, with a name that would break an unquoted path."""
    return shutil.copytree(template, tmp_path / "ein Ordner, mit Ümlaut")


def create(bootstrap: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(START_SECONDS)


def produce(bootstrap: str, topic: str, values: list[bytes]) -> int:
    """How many of the values were acknowledged."""
    acknowledged: list[bytes] = []
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 0})
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, message: error or acknowledged.append(message.value()))
    producer.flush(START_SECONDS)
    return len(acknowledged)


def consume(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "none", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    messages = consumer.consume(count, START_SECONDS)
    consumer.close()
    return [message.value() for message in messages]


def test_a_killed_broker_comes_back_with_every_acknowledged_record_on_other_ports_too(formatted, topic):
    libs, name = read_settings().jar_dir, topic()
    sent = [b"%d" % number for number in range(2_000)]
    with running_kafka(formatted, libs) as first:
        create(first.bootstrap, name)
        assert produce(first.bootstrap, name, sent) == len(sent)
        os.kill(first.pid, signal.SIGKILL)
    with running_kafka(formatted, libs) as second:
        assert second.bootstrap != first.bootstrap
        assert consume(second.bootstrap, name, len(sent)) == sent
        assert produce(second.bootstrap, name, [b"one more"]) == 1
    assert (formatted / "data" / ".kafka_cleanshutdown").exists()


def test_a_broker_left_by_a_killed_supervisor_is_ended_before_the_next_start(formatted, classpath):
    part = broker.prepare(formatted, broker.Ports(broker=free_port(0), controller=free_port(0)), classpath)
    left = launch(part)
    part.pid_file.unlink()  # killed between starting the broker and recording it
    part.before()
    assert start_time(left.pid) is None
    left.wait()


def test_a_folder_whose_formatting_was_interrupted_is_formatted_again(formatted, classpath):
    (formatted / "data" / "meta.properties").unlink()
    shutil.copytree(formatted / "data", formatted / "data.new")
    broker.prepare(formatted, PORTS, classpath)
    assert (formatted / "data" / "meta.properties").exists()
    assert not (formatted / "data.new").exists()


def test_formatted_storage_is_left_alone(formatted, classpath):
    before = (formatted / "data" / "meta.properties").read_bytes()
    broker.prepare(formatted, broker.Ports(broker=19094, controller=19095), classpath)
    assert (formatted / "data" / "meta.properties").read_bytes() == before


def test_records_without_their_format_are_never_overwritten(tmp_path, classpath):
    segment = tmp_path / "data" / "bids-0" / "00000000000000000000.log"
    segment.parent.mkdir(parents=True)
    segment.write_bytes(b"records")
    with pytest.raises(LocalError, match="holds records but is not formatted"):
        broker.prepare(tmp_path, PORTS, classpath)
    assert segment.read_bytes() == b"records"


def test_a_failed_formatting_says_why(tmp_path):
    with pytest.raises(LocalError, match="storage could not be formatted"):
        broker.prepare(tmp_path, PORTS, "/nonexistent.jar")
    assert not (tmp_path / "data").exists()


def test_a_topic_is_never_created_by_a_misspelt_name(kafka: Kafka, topic):
    misspelt = topic()
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "none", "allow.auto.create.topics": True})
    with pytest.raises(KafkaException, match="UNKNOWN_PARTITION"):
        consumer.get_watermark_offsets(TopicPartition(misspelt, 0), timeout=START_SECONDS)
    consumer.close()
    assert misspelt not in AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=START_SECONDS).topics


def test_a_ready_broker_creates_topics_and_acknowledges_at_once(kafka: Kafka, topic):
    name = topic()
    create(kafka.bootstrap, name)
    assert produce(kafka.bootstrap, name, [b"x"]) == 1


def test_the_broker_listens_on_the_loopback_only(kafka: Kafka):
    listening = [
        line.split()[1] for line in Path(f"/proc/{kafka.pid}/net/tcp6").read_text().splitlines() if " 0A " in line
    ]
    port = f":{int(kafka.bootstrap.partition(':')[2]):04X}"
    ours = [address for address in listening if address.endswith(port)]
    assert ours == [f"0000000000000000FFFF00000100007F{port}"]


def test_nothing_answers_where_no_broker_is():
    assert not broker.answers(free_port(0))


def test_a_cluster_id_that_begins_with_a_dash_is_no_option():
    assert "--cluster-id=-AbCdEfGhIjKlMnOpQrStA" in broker.format_command("-AbCdEfGhIjKlMnOpQrStA")
