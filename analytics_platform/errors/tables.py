"""What is wrong with the ledger of the tables, or with the tables themselves. Pure."""

from collections.abc import Sequence

from analytics_platform.errors.root import PlatformError


class LedgerError(PlatformError):
    """The ledger refused what was asked of it."""


class FencedError(LedgerError):
    """A newer writer has taken this pipeline over; this one must stop."""

    def __init__(self, where: str, ours: int, theirs: int) -> None:
        super().__init__(where, ours, theirs)
        self.where, self.ours, self.theirs = where, ours, theirs

    def __str__(self) -> str:
        return f"{self.where}: epoch {self.theirs} took over from {self.ours}; nothing to do, the newer run goes on"


class LedgerLostError(LedgerError):
    """The ledger does not know what the tables hold: it was lost, or restored from before it."""

    def __init__(self, pipeline: str, batch: str) -> None:
        super().__init__(pipeline, batch)
        self.pipeline, self.batch = pipeline, batch

    def __str__(self) -> str:
        return (
            f"pipeline {self.pipeline}: the tables record batch {self.batch}, which this ledger has not planned: it "
            "was lost, or restored from an old backup; nothing is written until `ap ledger rebuild` has run on an "
            "empty one"
        )


class TableError(PlatformError):
    """A table could not be read or written."""


class StaleError(TableError):
    """The table moved on after the decision was made; decide again on the new version."""

    def __init__(self, table: str, decided_on: int, found: int) -> None:
        super().__init__(table, decided_on, found)
        self.table, self.decided_on, self.found = table, decided_on, found

    def __str__(self) -> str:
        return f"{self.table}: decided on version {self.decided_on}, found {self.found}; re-read and decide again"


class BronzeLostError(TableError):
    """Bronze does not hold what was landed: files were removed or damaged."""

    def __init__(self, batch: str, landed: int, found: int) -> None:
        super().__init__(batch, landed, found)
        self.batch, self.landed, self.found = batch, landed, found

    def __str__(self) -> str:
        return (
            f"batch {self.batch}: {self.landed} rows were landed, bronze holds {self.found}; "
            "nothing of it is published: restore the table's files from a backup"
        )


class BronzeChangedError(TableError):
    """Bronze holds other rows of a batch than were landed."""

    def __init__(self, batch: str, landed: int, found: int) -> None:
        super().__init__(batch, landed, found)
        self.batch, self.landed, self.found = batch, landed, found

    def __str__(self) -> str:
        return (
            f"batch {self.batch}: its manifest has bronze rows of content {self.landed:016x}, the table "
            f"{self.found:016x}; nothing is judged again: `ap table check` names the file, restore it from a backup"
        )


class DamagedTableError(TableError):
    """A table's log or files are not what was written."""

    def __init__(self, table: str, problem: str) -> None:
        super().__init__(table, problem)
        self.table, self.problem = table, problem

    def __str__(self) -> str:
        return f"table {self.table}: {self.problem}; `ap table check {self.table}` names what is damaged"


class UnrepairableError(TableError):
    """What was damaged is nowhere else; nothing has been changed."""

    def __init__(self, table: str, lost: Sequence[str]) -> None:
        super().__init__(table, lost)
        self.table, self.lost = table, tuple(lost)

    def __str__(self) -> str:
        return "\n    ".join(
            [f"table {self.table} cannot be repaired and was not changed; restore from a backup:", *self.lost]
        )
