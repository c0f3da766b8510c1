"""Whether every fact and every run names who asked for it, by plain SQL. Imports nothing of `analytics_platform`."""

from collections.abc import Mapping

import psycopg
from psycopg.sql import SQL, Identifier

ASKED = "platform/asked-by"
NAMED: Mapping[str, tuple[str, ...]] = {  # tables whose rows somebody asked for, and the columns that say who
    "access_fact": ("who", "known_by", "via"),
    "access_token": ("issued_by", "holder"),
    "access_token_revoked": ("revoked_by",),
    "dismissal": ("by",),
    "erasure": ("erased_by",),
    "governance_fact": ("who",),
    "rework": ("requested_by",),
}
DERIVED: Mapping[str, str] = {  # tables that nobody may change, and what leads to who asked
    "alert_told": "nobody asked: the alert of a note",
    "batch": "its manifest, once it is judged; until then the planner",
    "batch_range": "its batch",
    "batch_run": "the run, by its tags",
    "lost_range": "nobody asked: the broker had deleted it",
    "outbox": "nobody asked: what was seen",
    "publication": "its manifests",
    "rework_batch": "its order",
    "manifest": "the run that executed the batch, or the order it was judged again for",
    "contract": "what a declaration in git said: its batches' manifests name it",
    "schema_text": "the versions that have the text",
    "schema_version": "a fact of access or governance, or who committed the file to git",
}
FACT_TABLES = """
    select distinct c.relname from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
    where p.proname = 'refuse_change'"""
WITHOUT_RUN = """
    select m.stream, m.number, m.revision from manifest m
    where not exists (select 1 from batch_run b
                      where (b.stream, b.number) = (m.stream, m.number) and b.run_id = any(%s))
      and not exists (select 1 from rework_batch w join rework r using (id)
                      where (w.stream, w.number) = (m.stream, m.number) and r.requested_by <> '')"""
NAMELESS_RUNS = """
    select r.run_id from runs r where not exists (
        select 1 from run_tags t where t.run_id = r.run_id and t.key = %s and trim(t.value) <> '')"""
NAMED_RUNS = "select run_id from run_tags where key = %s and trim(value) <> ''"
NOT_A_NAME = ("", "?", "unknown", "none", "null")


def nameless(ledger: psycopg.Connection, dagster: psycopg.Connection) -> list[str]:
    """Every fact, order, run and manifest that does not lead to a name; [] is what should be."""
    found = [f"run {run_id}" for (run_id,) in dagster.execute(NAMELESS_RUNS, [ASKED]).fetchall()]
    known = {table for (table,) in ledger.execute(FACT_TABLES).fetchall()}
    found += [
        f"table {table}: nobody said who its facts are by" for table in sorted(known - NAMED.keys() - DERIVED.keys())
    ]
    for table, columns in NAMED.items():
        for column in columns:
            query = SQL("select ctid::text from {} where lower(trim({})) = any(%s)").format(
                Identifier(table), Identifier(column)
            )
            found += [f"{table} {row}: {column}" for (row,) in ledger.execute(query, [list(NOT_A_NAME)]).fetchall()]
    runs = [run_id for (run_id,) in dagster.execute(NAMED_RUNS, [ASKED]).fetchall()]
    return found + [f"manifest {s}/{n}.{r}" for s, n, r in ledger.execute(WITHOUT_RUN, [runs]).fetchall()]
