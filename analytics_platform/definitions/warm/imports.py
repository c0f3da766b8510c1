"""What the parent imports and builds, so that no child has to: the code location, and what a run touches of Dagster."""

import importlib
from pathlib import Path

from dagster._core.code_pointer import CodePointer
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.workspace.autodiscovery import loadable_targets_from_python_module

# Imported by Dagster when they are needed first, which would be in each child anew.
IN_A_RUN = (
    "alembic.config",
    "dagster._cli.api",
    "dagster._core.execution.api",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.storage.root",
    "dagster._grpc.impl",
    "dagster_postgres",
    "sqlalchemy.dialects.postgresql.psycopg2",
)


def import_location(module: str) -> None:
    """Import the module and build its jobs; a location that cannot be loaded raises what its code raises."""
    for name in IN_A_RUN:
        importlib.import_module(name)
    here = str(Path.cwd())
    for target in loadable_targets_from_python_module(module, here):
        pointer = CodePointer.from_module(module, target.attribute, here)
        repository = ReconstructableRepository(pointer).get_definition()
        for job in repository.get_all_jobs():
            repository.get_maybe_subset_job_def(job.name, None, None, None)
