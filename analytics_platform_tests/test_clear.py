"""What is encrypted is read in the clear by who may, who is kept; of who was erased it is NULL, at any version."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from analytics_platform.clear import in_the_clear
from analytics_platform.errors import DeclarationError, NotEntitledError
from analytics_platform.published import read_table, sql
from analytics_platform.security.access_log import newest
from analytics_platform.security.privacy.ciphers import PREFIX
from analytics_platform.security.privacy.erasures import Erasure, agree, apply_erasures, erase, erased_people
from analytics_platform.security.privacy.key_files import KeyFiles
from analytics_platform.security.privacy.tokens import subject_ids
from analytics_platform.security.roles import Role
from analytics_platform_tests.personal_shop import CATALOG, CUSTOMERS, personal_shop, reader
from analytics_platform_tests.pipeline.personal import CANARY

ANA, *OTHERS = CUSTOMERS
QUERY = "select customer, name, mail, _erased from orders order by customer, event_id"
PURPOSE = "request 4712"


@pytest.fixture
def shop(ledger_dsn, tmp_path):
    with personal_shop(ledger_dsn, tmp_path) as settings:
        yield settings


def ask(shop, *roles, query=QUERY, at=None):
    return sql(shop, CATALOG, query, at, reader(shop, *roles))


def clear(shop, *roles, query=QUERY):
    return in_the_clear(ask(shop, *roles, query=query), CATALOG, reader(shop, *roles), PURPOSE).to_pylist()


def subject(shop, customer):
    environment = KeyFiles(shop.key_dir).environment()
    return subject_ids(environment, "person", pa.array([str(customer)]))[0].as_py()


def erase_ana(shop, ledger):
    wanted = Erasure(subject=subject(shop, ANA), kind="person", erased_by="ada", reason=PURPOSE)
    assert erase(ledger, KeyFiles(shop.key_dir), wanted)


def names(rows):
    """By customer, what is read as their name, and whether the row says that it is erased."""
    return {row["customer"]: (row["name"], row["_erased"]) for row in rows}


def test_a_steward_reads_names_in_the_clear_and_without_a_purpose_ciphertexts(shop):
    assert names(clear(shop, Role.STEWARD)) == {who: (f"Ana {CANARY} {who}", False) for who in CUSTOMERS}
    for row in ask(shop, Role.STEWARD).to_pylist():
        assert row["name"].startswith(PREFIX + subject(shop, row["customer"])) and row["_erased"] is False
        assert row["mail"].startswith("tok_")


def test_a_ciphertext_opens_under_any_name_of_its_column_and_its_neighbours_stay(shop):
    (row,) = clear(
        shop, Role.ADMIN, query=f"select name as who, mail, 7 as n from orders where customer = {ANA} limit 1"
    )
    assert row["who"] == f"Ana {CANARY} {ANA}" and row["mail"].startswith("tok_") and row["n"] == 7


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ENGINEER, Role.ON_CALL])
def test_others_are_refused_and_both_is_kept_without_any_value(shop, ledger, role):
    with pytest.raises(NotEntitledError, match="it takes admin or steward"):
        clear(shop, role)
    clear(shop, Role.STEWARD)
    given, refused = [fact for fact in newest(ledger, 9) if fact.wanted.action == "read in the clear what is encrypted"]
    assert refused.problem and not given.problem
    assert given.wanted.details == {"purpose": PURPOSE, "people": sorted(subject(shop, who) for who in CUSTOMERS)}
    assert CANARY not in repr([given, refused])


def test_a_purpose_that_says_nothing_is_refused(shop):
    with pytest.raises(DeclarationError, match="purpose"):
        in_the_clear(ask(shop, Role.ADMIN), CATALOG, reader(shop, Role.ADMIN), " ")


def test_of_who_is_erased_nothing_is_read_and_their_rows_stay(shop, ledger):
    before = datetime.now(UTC)
    counted = "select count(*)::int as n, count(distinct customer)::int as people from orders"
    whole = ask(shop, Role.ADMIN, query=counted).to_pylist()
    erase_ana(shop, ledger)
    expected = {ANA: (None, True), **{who: (f"Ana {CANARY} {who}", False) for who in OTHERS}}
    assert names(clear(shop, Role.STEWARD)) == expected
    for at in (None, before):
        rows = names(ask(shop, Role.STEWARD, at=at).to_pylist())
        assert rows[ANA] == (None, True) and all(rows[who][0].startswith(PREFIX) for who in OTHERS)
    assert ask(shop, Role.ADMIN, query=counted).to_pylist() == whole
    relation = read_table(shop, CATALOG, "orders", reader=reader(shop, Role.STEWARD))
    assert relation.filter("_erased").aggregate("count(*), count(name)").fetchall() == [(2, 0)]


def test_what_a_reader_may_not_see_does_not_say_whether_it_is_erased(shop, ledger):
    erase_ana(shop, ledger)
    rows = ask(shop, Role.VIEWER, query="select name, _erased from orders").to_pylist()
    assert {(row["name"], row["_erased"]) for row in rows} == {(None, None)}


def test_tables_have_the_column_only_where_a_policy_is_for_them(shop):
    assert "_erased" not in ask(shop, Role.ADMIN, query="from revenue").column_names
    (shop.schema_dir / "privacy.yaml").unlink()
    assert "_erased" not in ask(shop, Role.ADMIN, query="from orders").column_names


def test_neither_restored_keys_nor_a_restored_ledger_bring_anybody_back(shop, ledger, tmp_path):
    shutil.copytree(shop.key_dir, tmp_path / "copy")
    erase_ana(shop, ledger)
    restored = KeyFiles(tmp_path / "copy")
    assert apply_erasures(ledger, restored) == [subject(shop, ANA)]
    assert names(clear(replace(shop, key_dir=tmp_path / "copy"), Role.STEWARD))[ANA] == (None, True)

    keys = KeyFiles(shop.key_dir)
    keys.erase(subject(shop, OTHERS[0]))  # as a ledger restored from an older copy would have it
    assert names(clear(shop, Role.STEWARD))[OTHERS[0]] == (None, False)
    agree(ledger, keys)
    agree(ledger, keys)
    assert erased_people(ledger) == sorted([subject(shop, ANA), subject(shop, OTHERS[0])])
    assert names(clear(shop, Role.STEWARD))[OTHERS[0]] == (None, True)
