"""What each role may change in the ledger, written down once more, so that a slip in `roles.sql` shows."""

CHANGES = ("insert", "update", "delete")
OF_TOKENS = ("access_token", "access_token_revoked")
# by role and table: i(nsert), u(pdate) of at least one column, d(elete)
LETTERS = {
    "planner": {
        "alert": "iu", "alert_delivery": "iu", "alert_told": "i", "batch": "i", "batch_range": "i", "contract": "i",
        "frontier": "iu", "governance_fact": "i", "lost_range": "i", "outbox": "iu", "pipeline": "iu",
        "redriven": "iu", "rework": "iu", "rework_batch": "i", "standstill": "iud",
    },
    "worker": {
        "accuracy": "iu", "batch": "iu", "batch_range": "i", "batch_run": "i", "contract": "i", "dead_letter": "iu",
        "dirty": "iud", "expired": "iu", "failing": "iud", "frontier": "iu", "frozen": "iu", "hour_so_far": "iud",
        "lost_range": "i", "manifest": "i", "outbox": "i", "pipeline": "iu", "publication": "id", "redriven": "iu",
        "rework": "iu", "rework_batch": "iu", "standstill": "iud", "timer": "iud", "watermark": "iu",
    },
    "service": {
        "access_fact": "i", "governance_fact": "i", "outbox": "i", "schema_change": "u", "schema_setting": "iu",
        "schema_state": "iu", "schema_text": "i", "schema_version": "i",
    },
    "reader": {"access_fact": "i"},
}  # fmt: skip
MAY = {
    (role, table, verb)
    for role, tables in LETTERS.items()
    for table, letters in tables.items()
    for verb in CHANGES
    if verb[0] in letters
}
