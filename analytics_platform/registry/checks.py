"""What a stream's schemas must satisfy in each batch, beyond what a record needs to be read. Pure."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

from analytics_platform.facts import CheckResult, OnFailure, Schema, StreamSchemas
from analytics_platform.product import Compatibility, SchemaCheck, Severity, Stream
from analytics_platform.registry.compatibility import SchemaText, breaks

BRONZE, SILVER = "bronze", "silver"
LAYERS = {
    SchemaCheck.KNOWN: BRONZE,
    SchemaCheck.DEPRECATED: BRONZE,
    SchemaCheck.COMPATIBLE: SILVER,
    SchemaCheck.TABLE: SILVER,
}
MEANINGS = {
    SchemaCheck.KNOWN: "Records name a schema that is published as a version of this subject.",
    SchemaCheck.DEPRECATED: "Few records are written in a deprecated version.",
    SchemaCheck.COMPATIBLE: "The schema that readers see keeps the stream's compatibility level towards earlier ones.",
    SchemaCheck.TABLE: "The table has the columns of the schema that readers see, and no others.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenIn:
    """How many rows of a batch there are, are in no schema of the subject, and are in a deprecated version."""

    rows: int
    unknown: int
    deprecated: int


def schema_checks(
    stream: Stream, schemas: StreamSchemas, written: WrittenIn, columns: tuple[Sequence[str], Sequence[str]]
) -> tuple[CheckResult, ...]:
    """One result for each rule; `columns` are the table's own, and those that the reader schema wants."""
    return (*_writers(stream, written), _compatible(stream, schemas), _table(stream, *map(set, columns)))


def _writers(stream: Stream, written: WrittenIn) -> tuple[CheckResult, ...]:
    unknown, deprecated = written.unknown / max(1, written.rows), written.deprecated / max(1, written.rows)
    return (
        _result(
            stream,
            SchemaCheck.KNOWN,
            unknown <= stream.unknown_schemas_at_most,
            f"{written.unknown} of {written.rows} records are in no schema of this subject",
            {"share": unknown, "limit_share": stream.unknown_schemas_at_most},
        ),
        _result(
            stream,
            SchemaCheck.DEPRECATED,
            deprecated <= stream.deprecated_at_most,
            f"{written.deprecated} of {written.rows} records are in a deprecated version",
            {"share": deprecated, "limit_share": stream.deprecated_at_most},
        ),
    )


def _compatible(stream: Stream, schemas: StreamSchemas) -> CheckResult:
    broken = _breaks(schemas.reader, _earlier(schemas), stream.compatibility)
    return _result(
        stream,
        SchemaCheck.COMPATIBLE,
        not broken,
        broken[0] if broken else f"version {schemas.reader.version} keeps {stream.compatibility}",
        {"breaks": float(len(broken)), "version": float(schemas.reader.version)},
    )


def _table(stream: Stream, there: Set[str], wanted: Set[str]) -> CheckResult:
    differing = sorted(there ^ wanted)
    return _result(
        stream,
        SchemaCheck.TABLE,
        not differing,
        f"differing: {', '.join(differing)}" if differing else f"{len(wanted)} columns",
        {"columns": float(len(there)), "differing": float(len(differing))},
    )


def _result(stream: Stream, check: SchemaCheck, passed: bool, detail: str, values: dict[str, float]) -> CheckResult:
    is_strict = check in stream.strict_schemas
    return CheckResult(
        name=check.value,
        passed=passed,
        severity=Severity.ERROR if is_strict else Severity.WARN,
        detail=detail,
        values=values,
        on_failure=OnFailure.HOLD_BATCH,
        layer=LAYERS[check],
    )


def _earlier(schemas: StreamSchemas) -> tuple[Schema, ...]:
    older = [schema for schema in schemas.writers.values() if schema.version < schemas.reader.version]
    return tuple(sorted(older, key=lambda schema: schema.version))


@lru_cache(maxsize=1024)
def _breaks(reader: Schema, earlier: tuple[Schema, ...], level: Compatibility) -> tuple[str, ...]:
    new, old = _text(reader), [_text(schema) for schema in earlier]
    return tuple(f"version {earlier[each.against].version}: {each}" for each in breaks(new, old, level))


def _text(schema: Schema) -> SchemaText:
    return SchemaText(format=schema.format, text=schema.text)
