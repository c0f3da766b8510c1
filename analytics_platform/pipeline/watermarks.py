"""How far the time of streams and models has come: from what was read, or by the clock where nothing comes."""

from collections.abc import Mapping
from datetime import datetime

from analytics_platform.errors import UnreachableError
from analytics_platform.ingest.plan import is_behind
from analytics_platform.ingest.watermark import active_partitions, watermark
from analytics_platform.ledger.postgres import planning, timers
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Model, Pipeline, Stream

Newest = Mapping[str, Mapping[int, datetime]]


def recorded_watermarks(parts: Parts) -> dict[str, datetime]:
    """By stream, what was published last; streams without are left out."""
    return timers.watermarks(parts.ledger, parts.pipeline.stream_names)


def watermarks_now(parts: Parts, newest: Newest) -> dict[str, datetime]:
    """By stream, how far its time has come; it never goes back, and streams whose time is not known are left out.

    `newest` are the highest event times by partition of the streams that this cycle has judged.
    """
    found = recorded_watermarks(parts)
    for stream in parts.pipeline.streams:
        at = _come_to(stream, newest, parts)
        if at is not None:
            found[stream.name] = max(at, found.get(stream.name, at))
    return found


def of_model(model: Model, pipeline: Pipeline, watermarks: Mapping[str, datetime]) -> datetime | None:
    """The least watermark of the streams that the model is computed from; None while one is not known."""
    names = [stream.name for stream in pipeline.sources(model)]
    return min(watermarks[name] for name in names) if watermarks.keys() >= set(names) else None


def _come_to(stream: Stream, newest: Newest, parts: Parts) -> datetime | None:
    now = parts.now()
    active = active_partitions(timers.moved_at(parts.ledger, stream.name), now, stream.idle_after)
    if active:
        known = newest.get(stream.name)
        return watermark(timers.newest_event_at(parts.ledger, stream.name) if known is None else known, active)
    return None if _is_behind(stream, stream.name in newest, parts) else now - stream.idle_after


def _is_behind(stream: Stream, is_judged: bool, parts: Parts) -> bool:
    """Whether there is something to read that no cycle has judged: then silence does not mean that nothing came."""
    if timers.open_batches(parts.ledger, stream.name) > is_judged:  # the one that is being judged is still open
        return True
    try:
        offsets = parts.reader.offsets([stream.topic])[stream.topic]
    except UnreachableError:
        return True  # for all we know
    frontier = planning.frontier(parts.ledger, stream.name, offsets[0].topic_id) if offsets else {}
    return is_behind(frontier, offsets)
