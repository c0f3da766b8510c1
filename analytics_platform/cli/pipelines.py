"""The declared pipelines with their tables, ledger and broker opened, for commands that mend them."""

from collections.abc import Generator
from contextlib import contextmanager

from analytics_platform.definitions.opening import open_parts
from analytics_platform.errors import DeclarationError
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.pipeline.parts import Parts
from analytics_platform.postgres import connect, migrate
from analytics_platform.products import catalog
from analytics_platform.registry.drafts import without_drafts
from analytics_platform.security.cluster import cluster_of
from analytics_platform.security.parts import PartName
from analytics_platform.settings import read_settings


@contextmanager
def every_pipeline(name: str | None, application: str) -> Generator[list[Parts]]:
    """The parts of every pipeline, or of the one of that name; the ledger has its tables afterwards, if it had none."""
    settings = read_settings()
    declared = without_drafts(catalog(), settings.schema_dir).pipelines
    if name is not None and name not in declared:
        raise DeclarationError(name, "is no pipeline", f"declared are {', '.join(declared)}")
    with (
        connect(settings.ledger_dsn, application=application) as ledger,
        KafkaReader(cluster_of(settings, PartName.OPERATOR)) as reader,
    ):
        migrate(ledger)
        wanted = declared.values() if name is None else [declared[name]]
        yield [open_parts(pipeline, settings, ledger, reader) for pipeline in wanted]
