"""A person who reads the published tables: who they are, what they may see, and that they saw it is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from analytics_platform.asking import asker_here
from analytics_platform.errors import NotEntitledError
from analytics_platform.postgres import connect
from analytics_platform.product import Catalog
from analytics_platform.rights import Rights, rights_of
from analytics_platform.security import access_log
from analytics_platform.security.asker import AccessFact, Asker, Wanted
from analytics_platform.security.roles import Action
from analytics_platform.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Whoever reads, by way of which command or function."""

    settings: Settings
    asker: Asker
    via: str

    def rights(self, declared: Catalog, columns: Mapping[str, Sequence[str]]) -> Rights:
        """What they may see; `columns` are those of each table, as it is read."""
        return rights_of(self.asker.roles, self.settings.schema_dir, declared, columns)

    def admit(self, action: Action, target: str, **details: Any) -> None:
        """Keep that they do that, before it is done, or raise NotEntitledError."""
        wanted = Wanted(action=action, target=target, via=self.via, details=details)
        with connect(self.settings.ledger_dsn, application="reader") as connection:
            access_log.admit(connection, self.asker, wanted, datetime.now(UTC))

    def note(self, tables: Sequence[str]) -> None:
        """Keep that they read what not everybody may see."""
        self._keep(tables, "")

    def refused(self, table: str) -> NotEntitledError:
        """Keep that they asked for a table that they may not read; the error to raise."""
        asked = f"{self.asker.name} ({self.asker.known_by}) may not read {table}"
        remedy = f"they have {', '.join(sorted(self.asker.roles)) or 'no role'}; schemas/reading.yaml says who may"
        error = NotEntitledError(asked, remedy)
        self._keep([table], str(error))
        return error

    def _keep(self, tables: Sequence[str], problem: str) -> None:
        if not tables:
            return
        now = datetime.now(UTC)
        with connect(self.settings.ledger_dsn, application="reader") as connection:
            for table in tables:
                fact = AccessFact(
                    at=now,
                    who=self.asker.name,
                    known_by=self.asker.known_by,
                    wanted=Wanted(action=Action.READ_PROTECTED, target=table, via=self.via),
                    problem=problem,
                )
                access_log.record(connection, fact)


def reader_here(settings: Settings, via: str) -> Reader:
    """Whoever asks on this machine; raises TokenError for a token that is not good."""
    wanted = Wanted(action=Action.READ_TABLE, target="the published tables", via=via)
    with connect(settings.ledger_dsn, application="reader") as connection:
        return Reader(settings=settings, asker=asker_here(connection, settings, wanted, datetime.now(UTC)), via=via)
