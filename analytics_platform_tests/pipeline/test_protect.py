"""What is landed is protected, once; replays are byte-equal; and nothing else about a stream changes."""

import shutil
import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from analytics_platform.errors import KeyStoreError, UnprotectedError
from analytics_platform.facts import Failpoint
from analytics_platform.ledger.rework import Kind
from analytics_platform.pipeline import protect as guard
from analytics_platform.pipeline.recover_files import repair_files
from analytics_platform.product.privacy import Treatment
from analytics_platform.security.privacy.ciphers import decrypt, sealed_on, subject_in
from analytics_platform.security.privacy.key_files import KeyFiles
from analytics_platform_tests.pipeline.ordered import rework
from analytics_platform_tests.pipeline.orders import (
    ORDERS,
    KilledError,
    content,
    kafka_with,
    kill_at,
    lease,
    outcomes,
    rows,
)
from analytics_platform_tests.pipeline.personal import (
    CANARY,
    PRIVACY,
    opened_personal,
    personal_order,
    personal_orders,
    raw_order,
)
from analytics_platform_tests.pipeline.test_rework import FORGET

LOGS = personal_orders(3, 120)
SILVER, EXCEPTIONS, BRONZE = "orders/silver", "orders/exceptions", "orders/bronze"
DROPPED = replace(PRIVACY, treatments=dict.fromkeys(PRIVACY.treatments, Treatment.DROP))


def canaries_in(parts):
    """The tables that hold something personal in the clear, by what their rows say and by their files' bytes."""
    found = {name for name in parts.tables.by_name if CANARY in repr(rows(parts, name).to_pylist())}
    for table in parts.tables.written().values():
        files = [Path(path) for path in table.uris(table.files())]
        if any(CANARY.encode() in file.read_bytes() for file in files):
            found.add(table.shape.name)
    return found


def reasons(parts):
    """By coordinate, why a row is not in silver."""
    return {(r["partition"], r["offset"]): r["reason"] for r in rows(parts, EXCEPTIONS).to_pylist()}


def names(parts):
    """By customer, what silver has in the place of their name."""
    return {row["customer"]: row["name"] for row in rows(parts, SILVER).to_pylist()}


@pytest.mark.parametrize("privacy", [PRIVACY, DROPPED])
def test_tables_hold_nothing_personal_and_the_same_outcomes(ledger_dsn, tmp_path, privacy):
    with opened_personal(ledger_dsn, tmp_path / "clear", LOGS, privacy=None) as parts:
        lease(parts)
        assert canaries_in(parts) == {BRONZE, SILVER, EXCEPTIONS}  # without protection
        became, why, revenue = outcomes(parts), reasons(parts), rows(parts, "revenue")
        parts.ledger.execute(FORGET)
    with opened_personal(ledger_dsn, tmp_path / "protected", LOGS, privacy=privacy) as parts:
        lease(parts)
        assert canaries_in(parts) == set()
        assert (outcomes(parts), reasons(parts)) == (became, why)
        assert rows(parts, "revenue").sort_by("minute").equals(revenue.sort_by("minute"))
        assert {reason.partition(":")[0] for reason in why.values()} >= {"malformed", "rule amount_is_positive"}


def test_a_name_opens_with_the_key_of_its_person(ledger_dsn, tmp_path):
    with opened_personal(ledger_dsn, tmp_path / "t", LOGS) as parts:
        lease(parts)
        found = names(parts)
        known = parts.keys.of_subjects([subject_in(text) for text in found.values()], create=False)
        opened = {who: decrypt(text, known[subject_in(text)], "orders.name") for who, text in found.items()}
        assert opened == {who: f"Ana {CANARY} {who}" for who in range(7)}


@pytest.mark.parametrize("point", [Failpoint.AFTER_FETCH, Failpoint.AFTER_COMMIT, Failpoint.AFTER_DIRTY])
def test_killed_anywhere_the_same_bytes_come_out(ledger_dsn, tmp_path, point):
    kafka = kafka_with(LOGS)
    with opened_personal(ledger_dsn, tmp_path / "t", kafka) as parts:
        lease(parts)
        undisturbed, keys = content(parts), parts.keys
        parts.ledger.execute(FORGET)
    shutil.rmtree(tmp_path / "t")
    with (
        opened_personal(ledger_dsn, tmp_path / "t", kafka, keys=keys, reached=kill_at(point, 1)) as parts,
        pytest.raises(KilledError),
    ):
        lease(parts)
    with opened_personal(ledger_dsn, tmp_path / "t", kafka, keys=keys) as parts:
        lease(parts, "second")
        assert content(parts) == undisturbed


@pytest.mark.parametrize("later", [None, PRIVACY, DROPPED])
@pytest.mark.parametrize("first", [PRIVACY, DROPPED])
def test_what_was_landed_is_read_as_it_was_whatever_the_policy_is_now(ledger_dsn, tmp_path, first, later):
    kafka = kafka_with(LOGS)
    with opened_personal(ledger_dsn, tmp_path / "t", kafka, privacy=first) as parts:
        lease(parts)
        before, became = content(parts), outcomes(parts)
    with opened_personal(ledger_dsn, tmp_path / "t", kafka, privacy=later) as parts:
        for kind in (Kind.REEXECUTE, Kind.BACKFILL):
            rework(parts, kind)
            assert outcomes(parts) == became
            assert content(parts) == before


def test_bronze_comes_back_from_kafka_as_it_was(ledger_dsn, tmp_path):
    with opened_personal(ledger_dsn, tmp_path / "t", LOGS) as parts:
        lease(parts)
        before, table = content(parts), parts.tables.by_name[BRONZE]
        Path(table.uris(table.files())[0]).unlink()
        repair_files(BRONZE, parts, from_kafka=True, deep=False)
        assert content(parts) == before
        assert canaries_in(parts) == set()


def test_other_streams_pay_nothing_and_need_no_keys(ledger_dsn, tmp_path):
    with opened_personal(ledger_dsn, tmp_path / "t", LOGS, privacy=None) as parts:
        lease(replace(parts, keys=None))
        assert not (tmp_path / "t.keys").exists()


def test_without_keys_nothing_is_landed(ledger_dsn, tmp_path):
    with opened_personal(ledger_dsn, tmp_path / "t", LOGS) as parts:
        with pytest.raises(KeyStoreError):
            lease(replace(parts, keys=None))
        assert parts.tables.by_name[BRONZE].rows() == 0


class BrokenKeys(KeyFiles):
    """Fails with the values that it was given."""

    def of_subjects(self, subjects, *, create):
        raise ValueError(CANARY)


def test_an_error_while_protecting_says_no_value_and_lands_nothing(ledger_dsn, tmp_path):
    with opened_personal(ledger_dsn, tmp_path / "t", LOGS, keys=BrokenKeys(tmp_path / "keys")) as parts:
        with pytest.raises(UnprotectedError, match=r"orders/1 .*\(ValueError\)") as failed:
            lease(parts)
        assert CANARY not in str(failed.value)
        assert failed.value.__suppress_context__
        assert parts.tables.by_name[BRONZE].rows() == 0


def test_an_error_beside_what_was_sealed_says_no_value(ledger_dsn, tmp_path, monkeypatch):
    broken = [raw_order(1, f'{{"name": "{CANARY}'.encode())]
    with opened_personal(ledger_dsn, tmp_path / "t", [broken, []]) as parts:
        monkeypatch.setattr(guard, "decode", quoting)
        with pytest.raises(UnprotectedError, match=r"orders/1 .*\(ValueError\)") as failed:
            lease(parts)
        assert CANARY not in "".join(traceback.format_exception(failed.value))


def quoting(records, *_):
    """Fails with what it was to read."""
    raise ValueError(f"cannot read {records['value'].to_pylist()}")


def test_what_was_sealed_can_be_judged_again_also_after_its_key_expired(ledger_dsn, tmp_path):
    broken = [raw_order(1, f'{{"name": "{CANARY}'.encode()), personal_order(2)]
    with opened_personal(ledger_dsn, tmp_path / "t", [broken, []]) as parts:
        lease(parts)
        assert reasons(parts) == {(0, 0): "malformed: invalid json"}
        (sealed,) = [row["value"] for row in rows(parts, EXCEPTIONS).to_pylist()]
        before, day = content(parts), str(sealed_on(sealed))
        rework(parts, Kind.BACKFILL)
        assert content(parts) == before
        assert parts.keys.expire("orders", f"{int(day) + 1}") == [day]
        rework(parts, Kind.BACKFILL)
        assert outcomes(parts) == {(0, 0): "quarantined", (0, 1): "published"}
        assert canaries_in(parts) == set()


def test_who_is_erased_stays_so_in_all_that_comes_later(ledger_dsn, tmp_path):
    kafka = kafka_with(LOGS)
    with opened_personal(ledger_dsn, tmp_path / "t", kafka) as parts:
        lease(parts)
        before, became = names(parts), outcomes(parts)
        parts.keys.erase(subject_in(before[3]))
        kafka.append(ORDERS.topic, 0, [personal_order(10**6 + n, customer=n) for n in range(5)])
        lease(parts, "later")
        rework(parts, Kind.BACKFILL)
        after = names(parts)
        assert after[3] in (before[3], names_of_token(parts))
        late = {r["customer"]: r["name"] for r in rows(parts, SILVER).to_pylist() if "1000" in r["event_id"]}
        assert late[3].startswith("tok_")
        assert late[2] == before[2]
        assert became.items() <= outcomes(parts).items()
        assert parts.keys.of_subjects([subject_in(before[3])], create=True) == {subject_in(before[3]): None}


def names_of_token(parts):
    """What silver has for names that came after an erasure."""
    return next(text for text in rows(parts, SILVER)["name"].to_pylist() if text.startswith("tok_"))
