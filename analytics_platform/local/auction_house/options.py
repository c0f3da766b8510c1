"""What a producer is asked for, and what it says it did. Pure, but for reading the folder of schemas."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import yaml

from analytics_platform.errors import DeclarationError
from analytics_platform.ingest.at_source import AtSource
from analytics_platform.local.auction_house.chunk import Topic
from analytics_platform.local.auction_house.faults import Shares
from analytics_platform.local.auction_house.plan import Kind
from analytics_platform.product import Stream
from analytics_platform.products.auctions import AUCTIONS
from analytics_platform.products.bids import BIDS
from analytics_platform.products.persons import PERSONS
from analytics_platform.registry.folder import read_schemas
from analytics_platform.registry.privacy import rules_of
from analytics_platform.registry.privacy_file import privacy_in
from analytics_platform.security.cluster import Cluster
from analytics_platform.security.privacy.keys import KeyProvider

DEFAULT_START = datetime(2026, 1, 1, 12, tzinfo=UTC)
DEFAULT_EVENT_RATE = 1_000.0
STREAMS = {Kind.BIDS: BIDS, Kind.AUCTIONS: AUCTIONS, Kind.PERSONS: PERSONS}
WRITTEN_VERSION = 1  # of each subject
OUTCOMES = {"none": "published", "late": "published", "out_of_order": "published"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to produce.

    With `events` the run is bounded, and everything but the records' own timestamps follows from the seed: event
    times start at `start_at` and advance at `event_rate`. Without, it is live: event time is the wall clock.
    `rate` is how many events are produced per second; None is as many as possible.
    """

    cluster: Cluster | str
    truth: Path
    topics: tuple[Topic, ...]
    seed: int = 1
    events: int | None = None
    rate: float | None = None
    shares: Shares = field(default_factory=Shares)
    start_at: datetime = DEFAULT_START
    event_rate: float = DEFAULT_EVENT_RATE
    hold_file: Path | None = None
    patience_seconds: float = 60.0

    @property
    def is_live(self) -> bool:
        """Whether it goes on until it is told to stop."""
        return self.events is None

    @property
    def events_per_second(self) -> float:
        """How many events happen in a second of event time."""
        return self.rate if self.is_live and self.rate else self.event_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What was produced and acknowledged; `planted` counts the faults of the truth by stream."""

    events: int
    produced: int
    planted: Mapping[Kind, Mapping[str, int]]
    wall_seconds: float
    cpu_seconds: float

    def as_json(self) -> dict[str, object]:
        """The summary for a file: per stream the rows, the faults, and the outcomes that must come of them."""
        streams = {
            kind.value: {"rows": sum(faults.values()), "planted": dict(faults), "outcomes": outcomes_of(faults)}
            for kind, faults in self.planted.items()
        }
        return {
            "events": self.events,
            "produced": self.produced,
            "streams": streams,
            "wall_seconds": round(self.wall_seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
        }


def outcomes_of(faults: Mapping[str, int]) -> dict[str, int]:
    """How many rows must get which outcome, by the faults planted."""
    counts = dict.fromkeys(("published", "duplicate", "conflict", "quarantined"), 0)
    for fault, count in faults.items():
        is_malformed = fault.startswith("malformed:")
        counts["quarantined" if is_malformed else OUTCOMES.get(fault, fault)] += count
    return counts


def read_topics(schema_dir: Path, keys: KeyProvider | None = None) -> tuple[Topic, ...]:
    """Where each kind of event goes, as declared, with the schema ids of `ids.lock`; raises DeclarationError.

    With keys, what leaves is protected as `privacy.yaml` says. Later versions of a schema change nothing: the house
    writes in the one that its code was written for.
    """
    lock = schema_dir / "ids.lock"
    if not lock.exists():
        raise DeclarationError(str(lock), "does not exist", "set AP_SCHEMA_DIR to the folder of the schemas")
    entries = yaml.safe_load(lock.read_text())["schemas"]
    written_in = {entry["subject"]: entry for entry in entries if entry["version"] == WRITTEN_VERSION}
    return tuple(
        Topic(
            kind=kind,
            name=stream.topic,
            partitions=stream.partitions,
            schema_id=written_in[f"{stream.name}-value"]["id"],
            is_json=written_in[f"{stream.name}-value"]["path"].endswith(".json"),
            at_source=None if keys is None else _at_source(stream, schema_dir, keys),
        )
        for kind, stream in STREAMS.items()
    )


def _at_source(stream: Stream, schema_dir: Path, keys: KeyProvider) -> AtSource | None:
    privacy = privacy_in(schema_dir, stream.name)
    if privacy is None:
        return None
    schemas = read_schemas(schema_dir, stream.name)
    rules = {id_: rules_of(schema, privacy) for id_, schema in schemas.writers.items()}
    return AtSource(stream, schemas, rules, keys, lambda: datetime.now(UTC))
