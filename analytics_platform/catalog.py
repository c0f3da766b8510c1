"""Declarations put together: streams and models grouped into pipelines, and what cannot work refused. Pure."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter

from analytics_platform.errors import DeclarationError
from analytics_platform.product import Catalog, Key, Model, Pipeline, Stream, Window


def catalog_of(declared: Sequence[Stream | Model]) -> Catalog:
    """Group declarations into pipelines, by name; models follow the models they read. Raises DeclarationError."""
    streams = [d for d in declared if isinstance(d, Stream)]
    models = [d for d in declared if isinstance(d, Model)]
    _require_unique([d.name for d in declared])
    _require_dead_letters_apart(streams)
    by_name: dict[str, Stream | Model] = {d.name: d for d in declared}
    for model in models:
        _require_inputs(model, by_name)
        _require_touches(model, by_name)
        _require_bounded(model, by_name)
    models = _in_order_of_lineage(models)
    pipelines = {
        name: Pipeline(
            name=name,
            streams=tuple(sorted((s for s in streams if s.pipeline == name), key=lambda s: s.name)),
            models=tuple(m for m in models if m.pipeline == name),
        )
        for name in sorted({stream.pipeline for stream in streams})
    }
    return Catalog(pipelines=pipelines)


def _require_unique(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DeclarationError(name, "declared twice", "give each stream and model a name of its own")


def _require_dead_letters_apart(streams: Sequence[Stream]) -> None:
    """Refuse to send dead letters where some stream would read them, and make dead letters of them again."""
    readers = {stream.topic: stream.name for stream in streams}
    for stream in streams:
        if stream.dead_letters in readers:
            problem = f"its dead letters would go to {stream.dead_letters}, which {readers[stream.dead_letters]} reads"
            raise DeclarationError(f"stream {stream.name}", problem, "name a topic that no stream reads")


def _require_inputs(model: Model, declared: Mapping[str, Stream | Model]) -> None:
    if not model.inputs:
        raise DeclarationError(f"model {model.name}", "has no inputs", "name the streams and models that it reads")
    for name in model.inputs:
        if name not in declared:
            problem = f"reads {name}, which is no stream or model"
            raise DeclarationError(f"model {model.name}", problem, "declare it or mend `inputs`")
        if declared[name].pipeline != model.pipeline:
            problem = f"is in pipeline {model.pipeline}, its input {name} in {declared[name].pipeline}"
            raise DeclarationError(f"model {model.name}", problem, "put both into one pipeline")


def _require_touches(model: Model, declared: Mapping[str, Stream | Model]) -> None:
    strangers = sorted(set(model.touches) - set(model.inputs))
    if strangers:
        problem = f"`touches` names {', '.join(strangers)}, which it does not read"
        raise DeclarationError(f"model {model.name}", problem, "add it to `inputs` or take it out")
    for name in model.inputs:
        if name not in model.touches and (isinstance(model.grain, Key) or isinstance(declared[name], Model)):
            kind = "an instant" if isinstance(model.grain, Window) else "the key"
            problem = f"does not say which of its grains a row of {name} belongs to"
            raise DeclarationError(f"model {model.name}", problem, f"name the column with {kind} in `touches`")


def _require_bounded(model: Model, declared: Mapping[str, Stream | Model]) -> None:
    """Refuse a recompute that would read more and more as the tables grow."""
    where, grain = f"model {model.name}", model.grain
    if isinstance(grain, Window):
        if grain.step <= timedelta(0) or grain.size % grain.step:
            problem = f"windows of {grain.size} every {grain.step} do not fit"
            raise DeclarationError(where, problem, "let `size` be a multiple of `every`")
    elif grain.life is not None:
        if grain.life.input not in model.inputs:
            problem = f"the life of its key is in {grain.life.input}, which it does not read"
            raise DeclarationError(where, problem, "add it to `inputs`")
    else:
        streams = [name for name in model.inputs if isinstance(declared[name], Stream)]
        if streams:
            problem = f"a recompute of a key would read all of {', '.join(streams)}, however old it is"
            remedy = "give the key a `Life`, or read a model that sums the stream up"
            raise DeclarationError(where, problem, remedy)


def _in_order_of_lineage(models: Sequence[Model]) -> list[Model]:
    """Each model after those that it reads; else by name."""
    by_name = {model.name: model for model in models}
    sorter = TopologicalSorter({m.name: [i for i in m.inputs if i in by_name] for m in models})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " reads ".join(reversed(error.args[1]))
        raise DeclarationError(f"model {error.args[1][0]}", f"reads itself: {circle}", "break the circle") from error
    found: list[Model] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        found += [by_name[name] for name in ready]
        sorter.done(*ready)
    return found
