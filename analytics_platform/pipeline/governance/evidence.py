"""What a proposal is judged by: what is different, whom it breaks, and what is touched further down. Writes nothing."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analytics_platform.governance.change import Change
from analytics_platform.governance.consumers import Consumer
from analytics_platform.lake.lineage import Traced, traced
from analytics_platform.pipeline.admission import Damage, stream_of
from analytics_platform.pipeline.governance.classify import broken_at
from analytics_platform.pipeline.parts import pipeline_shapes, read_as
from analytics_platform.product import Catalog, Compatibility, Pipeline
from analytics_platform.registry.diff import Change as Difference
from analytics_platform.registry.snapshot import Snapshot
from analytics_platform.registry.store import schemas_in
from analytics_platform.registry.texts import Proposed


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What there is to know before anybody agrees. `backtest` is empty where no stream reads the subject."""

    changes: tuple[str, ...]
    differences: tuple[str, ...]
    breaks: tuple[str, ...]
    models: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    backtest: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As it is written into the proposal."""
        said = {
            "changes": list(self.changes),
            "differences": list(self.differences),
            "breaks": list(self.breaks),
            "models": list(self.models),
            "columns": list(self.columns),
            "consumers": [str(each) for each in self.consumers],
            "backtest": dict(self.backtest),
        }
        return {name: value for name, value in said.items() if value or name in ("changes", "breaks")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """Models, and columns of models, whose values come from what changes."""

    models: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


def broken(
    snapshot: Snapshot, change: Change, proposed: Proposed, damage: Damage, at_least: Compatibility
) -> list[str]:
    """Everybody whom the change hurts, in words, each once."""
    return list(
        dict.fromkeys([*damage.readers, *damage.lake, *broken_at(snapshot, change.subject, proposed, at_least)])
    )


def changed_columns(differences: Iterable[Difference]) -> frozenset[str]:
    """The columns that change or go: nobody reads one that is only added."""
    return frozenset(_column_of(each.path) for each in differences if each.what != "added")


def touched(declared: Catalog, snapshot: Snapshot, subject: str, changed: Collection[str]) -> Touched:
    """What of the models comes from the columns that change, by their column lineage."""
    stream = stream_of(declared, subject)
    if stream is None:
        return Touched()
    pipeline = declared.pipelines[stream.pipeline]
    columns = _columns(pipeline, snapshot)
    if columns is None:
        return Touched()
    found = [
        f"{model.name}.{column}"
        for model in pipeline.models
        for column in columns[model.name]
        if _comes_from(traced(pipeline, columns, model.name, column), {f"{stream.name}.{name}" for name in changed})
    ]
    return Touched(models=tuple(dict.fromkeys(name.partition(".")[0] for name in found)), columns=tuple(found))


def _columns(pipeline: Pipeline, snapshot: Snapshot) -> Mapping[str, Sequence[str]] | None:
    """The columns of every table of the pipeline; None while one of its streams has no schema."""
    schemas = {name: schemas_in(snapshot, name) for name in pipeline.stream_names}
    known = {name: found for name, found in schemas.items() if found is not None}
    if len(known) < len(schemas):
        return None
    return {read_as(name): shape.columns.names for name, shape in pipeline_shapes(pipeline, known).items()}


def _comes_from(found: Traced, names: Iterable[str]) -> bool:
    wanted = set(names)
    return any(each.name in wanted for each in _sources(found))


def _sources(found: Traced) -> Iterator[Traced]:
    for source in found.sources:
        yield source
        yield from _sources(source)


def _column_of(path: str) -> str:
    """The column that a field is in."""
    return path.partition(".")[0].rstrip("[]{}")
