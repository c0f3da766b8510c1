"""Which roles may read which table, and see which columns. Pure; `reading_file.py` reads it.

What is protected without anybody's saying so: the layers that hold records as they came, and columns with a tag of
personal data. Who may see that is in `security/roles.py`; a folder's `reading.yaml` says otherwise, entry by entry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from analytics_platform.security.roles import EVERYBODY, MAY, Action, Role

AS_THEY_CAME = ("bronze", "exceptions")  # layers: keys and values are there byte by byte
SEE_PROTECTED = MAY[Action.READ_PROTECTED]
HARMLESS = frozenset({"none"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is said of the tables, or of the columns (`table.column`), whose name fits the pattern."""

    pattern: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that `reading.yaml` says. The first entry that fits decides; of a column its own before its tag's."""

    tables: Sequence[Entry] = ()
    columns: Sequence[Entry] = ()
    tags: Mapping[str, frozenset[Role]] = field(default_factory=dict)

    def readers_of(self, table: str) -> frozenset[Role]:
        """Who may read a table at all, named `bids`, `bids/bronze` or by a model's name."""
        default = SEE_PROTECTED if table.endswith(AS_THEY_CAME) else EVERYBODY
        return _first(self.tables, table, default)

    def seers_of(self, table: str, column: str, tags: frozenset[str]) -> frozenset[Role]:
        """Who sees a column's values: whoever may see each of the tags of what they come from."""
        found = EVERYBODY
        for tag in tags - HARMLESS:
            found &= self.tags.get(tag, SEE_PROTECTED)
        return _first(self.columns, f"{table}.{column}", found)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A table as one reader has it: which columns they may not see, and which protected ones they do."""

    hidden: frozenset[str] = frozenset()
    revealed: frozenset[str] = frozenset()
    is_protected: bool = False  # all of it: not everybody may read the table

    @property
    def is_sensitive(self) -> bool:
        """Whether that somebody reads it is worth a fact."""
        return self.is_protected or bool(self.revealed)


def view_of(
    reading: Reading, roles: frozenset[Role], table: str, columns: Sequence[str], tags: Mapping[str, frozenset[str]]
) -> View | None:
    """The table for whoever has those roles; None if they may read nothing of it. `tags` are those of its columns."""
    readers = reading.readers_of(table)
    if not roles & readers:
        return None
    seers = {column: reading.seers_of(table, column, tags.get(column, frozenset())) for column in columns}
    hidden = frozenset(column for column in columns if not roles & seers[column])
    if len(hidden) == len(columns):
        return None
    return View(
        hidden=hidden,
        revealed=frozenset(column for column in columns if roles & seers[column] and seers[column] != EVERYBODY),
        is_protected=readers != EVERYBODY,
    )


def _first(entries: Sequence[Entry], name: str, default: frozenset[Role]) -> frozenset[Role]:
    return next((entry.roles for entry in entries if fnmatchcase(name, entry.pattern)), default)
