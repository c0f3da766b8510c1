"""The topic that every side reads: Nexmark bids in lz4, as the auction house makes them, some with planted faults."""

import tempfile
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic

from analytics_platform.local.auction_house.chunk import Topic
from analytics_platform.local.auction_house.faults import Shares
from analytics_platform.local.auction_house.options import Options
from analytics_platform.local.auction_house.plan import Kind
from analytics_platform.local.auction_house.producer import run
from analytics_platform_tests.bench.declared import SCHEMA_ID

BIDS_SHARE = 46 / 50  # of Nexmark's events
PARTITIONS = 4
SHARES = Shares(late=0.01, duplicates=0.002, conflicts=0.0005)


def produce(bootstrap: str, topic: str, encoding: str, bids: int, seed: int) -> int:
    """Fill a new topic with about so many bids; returns how many records it holds."""
    lz4 = NewTopic(topic, PARTITIONS, 1, config={"compression.type": "lz4", "retention.ms": "-1"})
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([lz4])[topic].result(10)
    place = Topic(kind=Kind.BIDS, name=topic, partitions=PARTITIONS, schema_id=SCHEMA_ID, is_json=encoding == "json")
    with tempfile.TemporaryDirectory(prefix="bench-truth-") as truth:
        events = int(bids / BIDS_SHARE) + 1
        options = Options(
            cluster=bootstrap, truth=Path(truth), topics=(place,), seed=seed, events=events, shares=SHARES
        )
        return run(options).produced
