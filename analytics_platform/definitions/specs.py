"""What Dagster is told of each topic, table, model and check: where it stands, whose it is, what it means."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from analytics_platform import products
from analytics_platform.definitions.columns import stream_columns
from analytics_platform.definitions.coordinator import PIPELINE_TAG
from analytics_platform.definitions.hours import HOUR_FORMAT, UP_TO_DATE
from analytics_platform.facts import StreamSchemas
from analytics_platform.lake.shapes import Layer
from analytics_platform.product import EventTime, Identity, Model, OnFailure, Pipeline, SchemaCheck, Stream
from analytics_platform.quality.contract import Check, Scope, read_contract
from analytics_platform.registry.checks import LAYERS, MEANINGS

LAYER_TEXT = {
    Layer.BRONZE: "Every record of the topic as it was read, with its coordinates; what every backfill starts from.",
    Layer.SILVER: "The events that passed their rules, once each, in the reader schema.",
    Layer.EXCEPTIONS: "Every row that silver does not hold, with its outcome and the reason.",
}
CHECKS = {
    "reconciled": "Every offset is a row or a gap; every row has exactly one outcome.",
    "unique_id": "No event id is published twice.",
    "freshness": "The newest row became readable within the declared time of reaching the broker.",
}


def hourly(since: datetime) -> dg.HourlyPartitionsDefinition:
    """The hours from that one on, the open one included."""
    return dg.HourlyPartitionsDefinition(start_date=since.astimezone(UTC).strftime(HOUR_FORMAT), end_offset=1)


def table_key(stream: str, layer: Layer) -> dg.AssetKey:
    """The asset of one of a stream's tables; in plain text, for Dagster serialises no enums of ours."""
    return dg.AssetKey([stream, layer.value])


def topic_key(stream: Stream) -> dg.AssetKey:
    """The asset of a stream's topic."""
    return dg.AssetKey(["topic", stream.topic])


def topic_spec(stream: Stream) -> dg.AssetSpec:
    """The Kafka topic, as the head of the lineage."""
    return dg.AssetSpec(
        topic_key(stream),
        description=f"The Kafka topic {stream.topic}, which is read and never written to.\n\n{stream.description}",
        group_name=group_of(stream.name),
        owners=[stream.owner],
        kinds={"kafka"},
        tags={"layer": "topic"},
        metadata={
            "encoding": stream.encoding.value,
            "partitions": stream.partitions,
            "identity": _taken(stream.identity),
            "event time": _taken(stream.event_time),
            "compatibility": stream.compatibility.value,
            **_sources(stream.name),
        },
    )


def stream_specs(
    stream: Stream, partitions: dg.PartitionsDefinition, schemas: StreamSchemas | None
) -> list[dg.AssetSpec]:
    """Bronze, silver and exceptions of a stream; with their columns where its schemas are known."""
    bronze = table_key(stream.name, Layer.BRONZE)
    above = {Layer.BRONZE: [topic_key(stream)], Layer.SILVER: [bronze], Layer.EXCEPTIONS: [bronze]}
    columns = stream_columns(stream.name, schemas) if schemas else {}
    return [
        dg.AssetSpec(
            table_key(stream.name, layer),
            deps=above[layer],
            description=_table_text(stream, layer),
            group_name=group_of(stream.name),
            owners=[stream.owner],
            kinds={"deltalake", layer.value} if layer is not Layer.EXCEPTIONS else {"deltalake"},
            tags={"layer": layer.value, PIPELINE_TAG: stream.pipeline},
            metadata={
                **({"dagster/column_schema": columns[layer]} if columns else {}),
                **_sources(stream.name),
            },
            partitions_def=partitions,
            skippable=True,
        )
        for layer in Layer
    ]


def model_spec(model: Model, pipeline: Pipeline, partitions: dg.PartitionsDefinition) -> dg.AssetSpec:
    """A model's table, downstream of the silver of streams and of other models."""
    streams = pipeline.stream_names
    return dg.AssetSpec(
        [model.name],
        deps=[table_key(name, Layer.SILVER) if name in streams else dg.AssetKey([name]) for name in model.inputs],
        description=f"{model.description}\n\n```sql\n{model.sql.strip()}\n```",
        group_name=group_of(model.pipeline),
        owners=[model.owner],
        kinds={"deltalake", "gold", "sql"},
        tags={"layer": "gold", PIPELINE_TAG: model.pipeline},
        metadata=_sources(model.name),
        partitions_def=partitions,
        skippable=True,
    )


def check_specs(stream: Stream, partitions: dg.PartitionsDefinition) -> list[dg.AssetCheckSpec]:
    """What is checked of every batch of a stream: by us, and as its owner declared."""
    ours: list[tuple[str, str, dict[str, Any]]] = [(name, text, {}) for name, text in CHECKS.items()]
    declared = [(c.name, c.description, {"holds": c.holds, "severity": c.severity.value}) for c in stream.checks]
    by_contract = [
        (check.name, check.title, contract_metadata(check)) for check in contract_checks(stream, Scope.BATCH)
    ]
    about = {"owner": stream.owner, "documentation": "docs/dagster.md"}
    return [
        dg.AssetCheckSpec(
            name,
            asset=table_key(stream.name, Layer.SILVER),
            description=text,
            partitions_def=partitions,
            metadata={**about, **metadata},
        )
        for name, text, metadata in ours + declared + by_contract
    ] + [_schema_check_spec(check, stream, partitions) for check in SchemaCheck]


def _schema_check_spec(check: SchemaCheck, stream: Stream, partitions: dg.PartitionsDefinition) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        check.value,
        asset=table_key(stream.name, Layer(LAYERS[check])),
        description=MEANINGS[check],
        partitions_def=partitions,
        metadata={
            "severity": "error" if check in stream.strict_schemas else "warn",
            "owner": stream.owner,
            "documentation": "docs/schema-changes.md",
        },
    )


def model_check_specs(pipeline: Pipeline, partitions: dg.PartitionsDefinition) -> list[dg.AssetCheckSpec]:
    """Whether each model follows what is published, where some contract can freeze models."""
    checks = [check for stream in pipeline.streams for check in contract_checks(stream, Scope.BATCH)]
    if not any(check.on_failure is OnFailure.FREEZE_MODELS for check in checks):
        return []
    return [
        dg.AssetCheckSpec(
            UP_TO_DATE,
            asset=dg.AssetKey([model.name]),
            description="No column that it reads is broken in a published batch that nobody has decided about.",
            partitions_def=partitions,
            metadata={"severity": "error", "owner": model.owner, "documentation": "docs/contracts.md"},
        )
        for model in pipeline.models
    ]


def contract_checks(declared: Stream | Model, scope: Scope) -> tuple[Check, ...]:
    """The checks of that scope in the contract of a stream or model; listed from its YAML."""
    if not declared.contract:
        return ()
    return read_contract(declared.contract, f"contract of {declared.name}").of(scope)


def contract_metadata(check: Check) -> dict[str, Any]:
    """What its contract says of a check."""
    found = {
        "contract": check.path,
        "must be": check.threshold,
        "severity": check.severity.value,
        "scope": check.scope.value,
        "if it fails": check.on_failure.value,
        "compares with": check.reference,
        "owner": check.owner,
        "documentation": check.docs,
    }
    return {name: value for name, value in found.items() if value}


def group_of(name: str) -> str:
    """A stream's tables are one group, a pipeline's models another; Dagster takes letters, digits and _ only."""
    return re.sub(r"\W", "_", name)


def _table_text(stream: Stream, layer: Layer) -> str:
    rules = [f"- `{rule.name}`: `{rule.holds}`" for rule in stream.rules] if layer is Layer.SILVER else []
    return "\n\n".join([LAYER_TEXT[layer], stream.description, *(["Rules:\n\n" + "\n".join(rules)] if rules else [])])


def _taken(source: Identity | EventTime) -> str:
    """Where an identity or a time is taken from: FromField("at") is `field at`."""
    kind = type(source).__name__.removeprefix("From").lower()
    return " ".join([kind, *asdict(source).values()])


def _sources(name: str) -> Mapping[str, Any]:
    """The files in which a stream or model of that name is declared, for the links of the UI."""
    folder = Path(products.__file__).parent
    files = [folder / f"{name}{suffix}" for suffix in (".py", ".sql")]
    links = [dg.LocalFileCodeReference(file_path=str(f), line_number=1, label=f.name) for f in files if f.exists()]
    return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=links)} if links else {}
