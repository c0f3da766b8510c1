"""Looking for readers of topics that nobody registered, and telling of them while they are there."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import psycopg

from analytics_platform.alerts.lasting import tell_while
from analytics_platform.governance.readers import Unregistered, unregistered
from analytics_platform.ingest.kafka.groups import committed_topics
from analytics_platform.pipeline.governance.desk import consumers_of_folder
from analytics_platform.product import Stream
from analytics_platform.security.cluster import Cluster

KIND = "reader unregistered"


def unregistered_readers(cluster: Cluster | str, folder: Path, streams: Iterable[Stream]) -> list[Unregistered]:
    """Those that the broker knows of now; raises UnreachableError, KafkaDeniedError, DeclarationError."""
    topics = {stream.name: stream.topic for stream in streams}
    return unregistered(consumers_of_folder(folder), committed_topics(cluster), topics)


def note_unregistered(ledger: psycopg.Connection, found: Iterable[Unregistered], now: datetime) -> None:
    """Tell of each once, to the stream's owner, and say that it is over when it is registered or gone."""
    tell_while(ledger, KIND, {each.name: {"group": each.group, "stream": each.stream} for each in found}, now)
