"""How long rows are kept at most, of streams and of what is computed from them. Pure."""

from datetime import timedelta

from analytics_platform.product import Pipeline, Stream


def kept_for(pipeline: Pipeline, at_most: timedelta | None) -> dict[str, timedelta]:
    """By stream and model, how long rows are kept; those that are kept for ever are not in it.

    Streams that a model joins over the life of a key are kept equally long: with less of one than of the other, its
    row would change once a part is gone. A model is computed from no rows that are older than the shortest-lived of its
    streams may be.
    """
    found = {
        stream.name: min(spans)
        for stream in pipeline.streams
        if (spans := [span for span in (at_most, stream.kept_for) if span is not None])
    }
    joined = [pipeline.sources(model) for model in pipeline.models if model.life]
    for _ in joined:  # as often as a limit can wander from one join to the next
        for streams in joined:
            if span := _shortest(streams, found):
                found |= {stream.name: span for stream in streams}
    models = {model.name: _shortest(pipeline.sources(model), found) for model in pipeline.models}
    return found | {name: span for name, span in models.items() if span is not None}


def _shortest(streams: list[Stream], found: dict[str, timedelta]) -> timedelta | None:
    return min((found[stream.name] for stream in streams if stream.name in found), default=None)
