"""Readers of topics that nobody registered: groups on the broker that `consumers.yaml` does not name. Pure.

The platform itself reads without groups.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from analytics_platform.governance.consumers import Consumer


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Unregistered:
    """A group that reads a stream's topic, and that no consumer of it is known to use."""

    stream: str
    group: str

    @property
    def name(self) -> str:
        """As people name it."""
        return f"{self.stream}/{self.group}"


def unregistered(
    consumers: Iterable[Consumer], committed: Mapping[str, Collection[str]], topics: Mapping[str, str]
) -> list[Unregistered]:
    """Every group that has committed offsets on a stream's topic without being registered for that stream.

    Args:
        consumers: all that are registered.
        committed: by group, the topics on which it has committed offsets.
        topics: by stream, its topic.
    """
    known = list(consumers)
    return sorted(
        Unregistered(stream=stream, group=group)
        for stream, topic in topics.items()
        for group, read in committed.items()
        if topic in read and not any(_uses(each, group) and _reads(each, stream) for each in known)
    )


def _uses(consumer: Consumer, group: str) -> bool:
    return any(fnmatchcase(group, pattern) for pattern in consumer.groups or (consumer.name,))


def _reads(consumer: Consumer, stream: str) -> bool:
    return consumer.reads in (stream, f"{stream}-value", f"{stream}-key")
