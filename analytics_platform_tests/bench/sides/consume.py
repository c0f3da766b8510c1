"""The limit: confluent-kafka's bare consume loop, which looks at no record."""

from collections.abc import Iterator

from confluent_kafka import Consumer, Message, TopicPartition

from analytics_platform_tests.bench.sides.stage import Task, perform, task

AT_ONCE = 10_000


def messages(given: Task) -> Iterator[list[Message]]:
    """Every record of the topic, a list at a time."""
    consumer = Consumer(
        {
            **given.librdkafka,
            "bootstrap.servers": given.bootstrap,
            "group.id": "bench",
            "enable.auto.commit": False,
            "check.crcs": True,  # as all others do
            "fetch.message.max.bytes": 16 << 20,
            "queued.max.messages.kbytes": 256 << 10,
        }
    )
    partitions = consumer.list_topics(given.topic, 10).topics[given.topic].partitions
    consumer.assign([TopicPartition(given.topic, number, 0) for number in partitions])
    left = given.events
    while left > 0:
        found = consumer.consume(min(AT_ONCE, left), 10)
        if not found:
            raise RuntimeError(f"{left} records did not come")
        left -= len(found)
        yield found
    consumer.close()


def main() -> None:
    """Consume."""
    given = task()
    perform(given, lambda: sum(len(found) for found in messages(given)))


if __name__ == "__main__":
    main()
