"""A person sees what their roles allow, however they ask; what they may not see is not there to be asked for."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import yaml

from analytics_platform.asking import asker_here
from analytics_platform.catalog import catalog_of
from analytics_platform.errors import NotEntitledError
from analytics_platform.published import QueryError, read_table, sql
from analytics_platform.reader import Reader
from analytics_platform.security.access_log import newest
from analytics_platform.security.asker import Asker, Wanted
from analytics_platform.security.roles import Action, Role
from analytics_platform.settings import read_settings
from analytics_platform_tests.pipeline.orders import (
    ORDERS,
    PROPERTIES,
    REVENUE,
    SCHEMA,
    kafka_with,
    lease,
    opened,
    order,
)

CATALOG = catalog_of([ORDERS, REVENUE])
HIDDEN = "amount"  # tagged below; what revenue adds up


@pytest.fixture
def shop(ledger_dsn, tmp_path):
    """Settings of a platform whose amounts are personal data, with three orders."""
    kafka = kafka_with([[order(1, amount=5)], [order(2, amount=7, minute=1), order(3, amount=-1)]])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        schemas = tmp_path / "schemas"
        tagged(schemas)
        yield replace(read_settings(), ledger_dsn=ledger_dsn, table_dir=tmp_path, schema_dir=schemas, token="")


def tagged(folder):
    """The stream's schema as a folder, in which amount is a payment and everything else harmless."""
    (folder / "orders/value").mkdir(parents=True)
    (folder / "orders/value/1.json").write_text(json.dumps(SCHEMA))
    fields = {name: {"pii": "payment" if name == HIDDEN else "none"} for name in PROPERTIES}
    about = {"owner": "x", "compatibility": "NONE", "versions": {1: {"state": "published"}}, "fields": fields}
    (folder / "orders/subject.yaml").write_text(yaml.safe_dump(about))


def reader(settings, *roles):
    return Reader(settings=settings, asker=Asker(name="ana", known_by="token 1", roles=frozenset(roles)), via="a test")


def ask(settings, query, *roles):
    return sql(settings, CATALOG, query, None, reader(settings, *roles)).to_pylist()


def facts(ledger):
    return [(fact.who, fact.wanted.target, bool(fact.problem)) for fact in newest(ledger, 99)][::-1]


def test_a_viewer_sees_rows_without_what_is_personal_in_them(shop, ledger):
    rows = ask(shop, "select * from orders", Role.VIEWER)
    assert len(rows) == 2 and {row[HIDDEN] for row in rows} == {None}
    assert all(row["event_id"] for row in rows)
    assert {row["revenue"] for row in ask(shop, "from revenue", Role.VIEWER)} == {None}  # it comes from amounts
    assert facts(ledger) == []


def test_a_steward_sees_all_of_it_and_that_is_kept(shop, ledger):
    assert {row[HIDDEN] for row in ask(shop, "from orders", Role.STEWARD)} == {5, 7}
    assert {row["revenue"] for row in ask(shop, "from revenue", Role.STEWARD)} == {5, 7}
    ask(shop, "select 1 as one", Role.STEWARD)
    assert facts(ledger) == [("ana", "orders/silver", False), ("ana", "revenue", False)]


DODGES = [
    "select amount from orders where amount > 0",
    "select max(amount) as amount from orders",
    'select amount from (from orders) union all select amount from "orders"."silver"',
    "select columns('am.*') from orders",
    "select (o).amount as amount from (select o from orders o)",
    "select struct_extract(o, 'amount') as amount from orders o",
    "select to_json(o)->>'amount' as amount from orders o",
    "from (describe orders) select null as amount",
    "select amount from query_table('orders')",
    "select amount from query('from orders')",
    'select amount from "orders/silver"',
    "with recursive r as (select amount from orders) from r",
    "select min_by(amount, event_id) as amount from orders",
    "select unnest(list(amount)) as amount from orders",
]


@pytest.mark.parametrize("query", DODGES)
def test_no_query_gets_at_a_hidden_column(shop, query):
    try:
        found = ask(shop, query, Role.VIEWER)
    except QueryError:
        return
    assert not {row.get(HIDDEN) for row in found} & {5, 7, "5", "7"}


@pytest.mark.parametrize("query", [q for q in DODGES if "describe" not in q and '"orders/silver"' not in q])
def test_the_same_queries_find_it_for_whoever_may_see_it(shop, query):
    assert {str(row[HIDDEN]) for row in ask(shop, query, Role.STEWARD)} & {"5", "7"}


@pytest.mark.parametrize(
    "query", ["from orders.bronze", "select value from orders.exceptions", "from query_table('orders.bronze')"]
)
def test_records_as_they_came_are_refused_by_name_and_the_refusal_is_kept(shop, ledger, query):
    with pytest.raises(NotEntitledError, match=r"ana \(token 1\) may not read orders/(bronze|exceptions)"):
        ask(shop, query, Role.VIEWER, Role.ENGINEER)
    assert facts(ledger)[0][2]
    assert ask(shop, query.replace("select value ", ""), Role.ON_CALL)
    assert facts(ledger)[-1] == ("ana", facts(ledger)[0][1], False)


def test_what_is_not_named_in_the_query_is_not_there(shop):
    with pytest.raises((QueryError, NotEntitledError)):
        ask(shop, "from query_table('orders' || '.' || 'bro' || 'nze')", Role.ADMIN)


def test_a_file_says_otherwise(shop):
    (shop.schema_dir / "reading.yaml").write_text(
        "tables: [{tables: revenue, roles: [steward]}]\ncolumns: [{columns: orders.amount, roles: everybody}]\n"
    )
    assert {row[HIDDEN] for row in ask(shop, "from orders", Role.VIEWER)} == {5, 7}
    with pytest.raises(NotEntitledError, match="may not read revenue"):
        ask(shop, "from revenue", Role.VIEWER)


def test_schemas_that_cannot_be_read_hide_all_of_the_table(shop):
    (shop.schema_dir / "orders/subject.yaml").unlink()
    with pytest.raises(NotEntitledError, match="may not read orders"):
        ask(shop, "from orders", Role.VIEWER)
    assert ask(shop, "from orders", Role.STEWARD)


def test_read_hides_and_refuses_the_same(shop, ledger):
    relation = read_table(shop, CATALOG, "orders", None, reader(shop, Role.VIEWER))
    assert set(relation.to_arrow_table()[HIDDEN].to_pylist()) == {None}
    with pytest.raises(NotEntitledError):
        read_table(shop, CATALOG, "orders/bronze", None, reader(shop, Role.VIEWER))
    assert read_table(shop, CATALOG, "orders/bronze", None, reader(shop, Role.ON_CALL)).to_arrow_table().num_rows == 3
    assert facts(ledger) == [("ana", "orders/bronze", True), ("ana", "orders/bronze", False)]


def test_a_person_without_any_role_reads_nothing(shop):
    with pytest.raises(NotEntitledError):
        ask(shop, "from orders")


def test_before_there_is_an_admin_whoever_reaches_the_ledger_sees_all(shop, ledger):
    wanted = Wanted(action=Action.READ_TABLE, target="x", via="a test")
    assert asker_here(ledger, shop, wanted, datetime.now(UTC)).roles == {Role.ADMIN}
