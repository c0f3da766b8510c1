"""What Dagster is given: every table as an asset, loadable by a code server, whatever is declared."""

import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import serialize_value

from analytics_platform.catalog import catalog_of
from analytics_platform.definitions.location import build, readable_schemas
from analytics_platform.definitions.specs import group_of
from analytics_platform.pipeline.parts import pipeline_shapes
from analytics_platform.product import EARLIEST, BatchCheck, SchemaCheck
from analytics_platform.products import catalog
from analytics_platform.quality.contract import read_contract
from analytics_platform.settings import ROOT
from analytics_platform_tests.pipeline.orders import ORDERS, REVENUE, SCHEMAS
from analytics_platform_tests.quality.batches import CHECKED, CONTRACT

DEFS = build(catalog_of([ORDERS, REVENUE]))


def keys(definitions):
    return {key.to_user_string() for key in definitions.get_repository_def().asset_graph.get_all_asset_keys()}


def test_a_declared_stream_becomes_a_topic_and_three_tables():
    assert keys(DEFS) == {"topic/orders-topic", "orders/bronze", "orders/silver", "orders/exceptions", "revenue"}


def test_a_model_is_downstream_of_silver_and_silver_of_the_topic():
    graph = DEFS.get_repository_def().asset_graph
    parents = {
        child: {key.to_user_string() for key in graph.get(dg.AssetKey(child.split("/"))).parent_keys}
        for child in keys(DEFS)
    }
    assert parents["revenue"] == {"orders/silver"}
    assert parents["orders/silver"] == {"orders/bronze"} == parents["orders/exceptions"]
    assert parents["orders/bronze"] == {"topic/orders-topic"}


def test_every_asset_has_an_owner_a_group_kinds_and_words():
    for spec in DEFS.resolve_all_asset_specs():
        assert spec.owners and spec.kinds and len(spec.description or "") > 20


def test_every_table_has_a_check_of_its_upkeep_and_an_hourly_job_asks_them():
    repository = DEFS.get_repository_def()
    kept = {k.asset_key.to_user_string() for k in repository.asset_graph.asset_check_keys if k.name == "kept_small"}
    assert kept == keys(DEFS) - {"topic/orders-topic"}
    assert str(repository.get_schedule_def("shop_upkeep_schedule").cron_schedule).endswith("* * * *")


def test_a_streams_tables_are_one_group_and_the_models_another():
    groups = {spec.key.to_user_string(): spec.group_name for spec in DEFS.resolve_all_asset_specs()}
    assert groups.pop("revenue") == "shop"
    assert set(groups.values()) == {"orders"}
    assert group_of("page-views.v2") == "page_views_v2"


def test_hours_begin_with_the_instance_or_with_the_pipeline_whichever_is_later():
    declared = catalog_of([ORDERS, REVENUE])
    now = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
    for since, first in ((datetime(2026, 11, 1, 11, tzinfo=UTC), "2026-11-01-11:00"), (EARLIEST, "2026-01-01-00:00")):
        partitions = build(declared, since).get_job_def("shop").partitions_def
        assert partitions is not None
        hours = partitions.get_partition_keys(current_time=now)
        assert (hours[0], hours[-1]) == (first, "2026-11-01-12:00")


def test_columns_are_described_by_the_schema_and_by_us():
    specs = build(catalog_of([ORDERS, REVENUE]), schemas=SCHEMAS).resolve_all_asset_specs()
    schemas = {spec.key.to_user_string(): spec.metadata.get("dagster/column_schema") for spec in specs}
    columns = {name: schema.columns for name, schema in schemas.items() if schema}
    assert [column.name for column in columns["orders/silver"]][-3:] == ["city", "amount", "at"]
    assert all(column.description for column in columns["orders/exceptions"])


def test_the_shipped_models_say_what_each_column_means():
    declared = catalog()
    schemas = readable_schemas(ROOT / "schemas", declared.streams)
    for pipeline in declared.pipelines.values():
        shapes = pipeline_shapes(pipeline, schemas)
        for model in pipeline.models:
            assert set(model.columns) == set(shapes[model.name].columns.names)


def test_a_stream_without_readable_schemas_is_shown_all_the_same(tmp_path):
    assert readable_schemas(tmp_path, ["orders"]) == {}
    assert "orders/silver" in keys(build(catalog_of([ORDERS, REVENUE]), schemas={}))


def test_a_code_server_can_serve_the_definitions():
    assert serialize_value(RepositorySnap.from_def(DEFS.get_repository_def()))


def test_nothing_declared_is_a_valid_platform():
    assert keys(build(catalog_of([]))) == set()


def test_the_command_line_does_not_import_dagster():
    code = "import sys, analytics_platform.cli; print([m for m in ('dagster', 'pandas', 'duckdb') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_a_model_over_a_model_is_downstream_of_it():
    days = replace(
        REVENUE, name="days", sql="select minute from revenue", inputs=("revenue",), touches={"revenue": "minute"}
    )
    graph = build(catalog_of([ORDERS, REVENUE, days])).get_repository_def().asset_graph
    assert graph.get(dg.AssetKey("days")).parent_keys == {dg.AssetKey("revenue")}


def test_checks_of_published_tables_have_a_job_and_a_schedule_of_their_own():
    contract = "dataset: platform/main/orders\ncolumns: []\nchecks: [{row_count: {attributes: {scope: table}}}]\n"
    repository = build(catalog_of([replace(ORDERS, contract=contract), REVENUE])).get_repository_def()
    repository.load_all_definitions()  # as a code server does: names must not clash
    job = repository.get_job("shop_contracts")
    assert {key.name for key in job.asset_layer.asset_graph.asset_check_keys} >= {"checks_row_count"}
    assert "shop_contracts_schedule" in {schedule.name for schedule in repository.schedule_defs}
    lease = repository.get_job("shop")
    assert [node.name for node in lease.nodes] == ["shop_lease"], "a lease judges batches, and verifies no tables"


def test_each_check_of_a_contract_is_a_check_of_its_own():
    graph = build(catalog_of([CHECKED, REVENUE])).get_repository_def().asset_graph
    found = {key.name: graph.get_check_spec(key) for key in graph.asset_check_keys}
    listed = read_contract(CONTRACT, "orders").checks
    assert {check.name for check in listed} <= found.keys()
    shown = found["columns_amount_checks_invalid_usual"].metadata
    assert {name: shown[name] for name in ("must be", "severity", "owner", "documentation")} == {
        "must be": "percent < 10",
        "severity": "warn",
        "owner": "team:shop",
        "documentation": "docs/contracts.md",
    }


def test_declared_checks_are_shown_with_what_they_do():
    check = BatchCheck(name="usual_amount", holds="avg(amount) < 100", description="Amounts are as usual.")
    specs = build(catalog_of([replace(ORDERS, checks=(check,)), REVENUE])).get_repository_def().asset_graph
    found = {key.name: specs.get_check_spec(key) for key in specs.asset_check_keys}
    of_schemas = {check.value for check in SchemaCheck}
    assert found.keys() == {"reconciled", "unique_id", "freshness", "usual_amount", "kept_small"} | of_schemas
    assert found["usual_amount"].description == "Amounts are as usual."
    about = {"owner": "team:shop", "documentation": "docs/dagster.md"}
    assert found["usual_amount"].metadata == {"holds": "avg(amount) < 100", "severity": "error", **about}
    assert all((ROOT / spec.metadata["documentation"]).exists() for spec in found.values())


@pytest.mark.parametrize(("streams", "pipelines", "seconds"), [(3, 1, 5), (60, 1, 10), (60, 20, 10)])
def test_a_graph_of_many_streams_loads_and_stays_readable(streams, pipelines, seconds):
    declared = generated(streams, pipelines)
    began = time.process_time()
    repository = build(declared).get_repository_def()
    assert serialize_value(RepositorySnap.from_def(repository))
    assert time.process_time() - began < seconds
    groups = Counter(node.group_name for node in repository.asset_graph.asset_nodes)
    assert len(groups) == streams + pipelines, "a stream's tables are one group, a pipeline's models another"
    assert all(re.fullmatch(r"\w+", group) for group in groups)
    assert {count for group, count in groups.items() if group.startswith("stream")} == {4}


def generated(streams, pipelines):
    """Streams with a model each, spread over the pipelines."""
    declared = []
    for number in range(streams):
        name, pipeline = f"stream-{number}.v1", f"pipeline_{number % pipelines}"
        declared.append(replace(ORDERS, name=name, topic=f"topic-{number}", pipeline=pipeline))
        declared.append(replace(REVENUE, name=f"revenue_{number}", pipeline=pipeline, inputs=(name,)))
    return catalog_of(declared)
