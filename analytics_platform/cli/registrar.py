"""The registry as commands change it: a connection of their own, and the folder of schemas."""

from collections.abc import Generator
from contextlib import contextmanager

from analytics_platform.postgres import connect, migrate
from analytics_platform.registry.git import Repository
from analytics_platform.registry.publish import Registrar
from analytics_platform.settings import Settings


@contextmanager
def registrar(settings: Settings) -> Generator[Registrar]:
    """A registrar over the ledger, which is migrated first."""
    with connect(settings.ledger_dsn, application="ap schema") as connection:
        migrate(connection)
        yield Registrar(
            connection=connection,
            folder=settings.schema_dir,
            repository=Repository.of(settings.schema_dir) if settings.schema_writes == "commit" else None,
            patches=settings.patch_dir,
        )
