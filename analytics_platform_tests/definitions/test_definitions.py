"""What Dagster is given: every table as an asset, loadable by a code server, whatever is declared."""

import subprocess
import sys

import dagster as dg
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import serialize_value

from analytics_platform.definitions import build
from analytics_platform.product import catalog_of
from analytics_platform_tests.pipeline.orders import ORDERS, REVENUE

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
        assert spec.owners and spec.group_name == "shop" and spec.kinds and len(spec.description or "") > 20


def test_a_code_server_can_serve_the_definitions():
    assert serialize_value(RepositorySnap.from_def(DEFS.get_repository_def()))


def test_nothing_declared_is_a_valid_platform():
    assert keys(build(catalog_of([]))) == set()


def test_the_command_line_does_not_import_dagster():
    code = "import sys, analytics_platform.cli; print([m for m in ('dagster', 'pandas', 'duckdb') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
