"""The contracts that batches are pinned to, by digest."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from analytics_platform.errors import LedgerError


def keep(connection: psycopg.Connection, stream: str, digest: str, body: Mapping[str, Any]) -> None:
    """Have the contract, before a batch is pinned to it."""
    connection.execute(
        "insert into contract (digest, stream, body) values (%s, %s, %s) on conflict do nothing",
        [digest, stream, Jsonb(dict(body))],
    )


def contract(connection: psycopg.Connection, digest: str) -> dict[str, Any]:
    """The contract of that digest; LedgerError if the ledger does not have it."""
    row = connection.execute("select body from contract where digest = %s", [digest]).fetchone()
    if row is None:
        raise LedgerError(f"contract {digest[:12]}… is not in the ledger: restore it from a backup")
    return row[0]
