"""A topic of the public kind is declared by one file, and nothing else of the project changes."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from analytics_platform.settings import ROOT
from analytics_platform_tests.proofs import own_topic
from analytics_platform_tests.proofs.own_topic import DECLARED, STREAM, differences, silver_rows
from analytics_platform_tests.proofs.public_topic import documents
from analytics_platform_tests.stock import UNSECURED

COUNT = 400
ASSETS = {f"{STREAM}/bronze", f"{STREAM}/silver", f"{STREAM}/exceptions"}
LEASE = """
import json
import dagster as dg
from analytics_platform.definitions.location import defs
from analytics_platform.postgres import connect, migrate
from analytics_platform.settings import read_settings

with connect(read_settings().ledger_dsn, application="test") as ledger:
    migrate(ledger)
found = defs()
job = found.get_job_def(NAME)
done = job.execute_in_process(
    partition_key=job.partitions_def.get_last_partition_key(),
    tags={"platform/lease": NAME},
    instance=dg.DagsterInstance.ephemeral(),
)
keys = found.get_repository_def().asset_graph.get_all_asset_keys()
print(json.dumps({"is_done": done.success, "assets": sorted(key.to_user_string() for key in keys)}))
"""


class Project:
    """A copy of the project, and the settings it is run with."""

    def __init__(self, folder, kafka, ledger_dsn):
        self.folder = own_topic.copy_project(ROOT, folder / "project")
        self.tables = folder / "tables"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AP_")}
        self.environment = {
            **inherited,
            "PYTHONPATH": str(self.folder),
            "AP_STATE_DIR": str(folder / "state"),
            "AP_TABLE_DIR": str(self.tables),
            "AP_KAFKA_BOOTSTRAP": kafka.bootstrap,
            **UNSECURED,
            "AP_LEDGER_DSN": ledger_dsn,
            "AP_QUIET_SECONDS": "0.1",
            "DAGSTER_HOME": "",
        }

    def python(self, *arguments):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def ap(self, *arguments):
        done = self.python("-m", "analytics_platform.cli", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def lease(self):
        """Load what Dagster loads, and run a lease on the stream's pipeline."""
        done = self.python("-c", f"NAME = {STREAM!r}\n{LEASE}")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def schema(self):
        return json.loads((self.folder / "schemas" / STREAM / "value" / "1.json").read_text())


@pytest.fixture
def project(tmp_path, kafka, ledger_dsn):
    return Project(tmp_path, kafka, ledger_dsn)


def test_a_public_topic_is_declared_by_one_file_and_its_schema_and_runs(project, kafka, topic):
    sent, name = list(documents(7, COUNT, datetime.now(UTC))), topic()
    own_topic.create_topic(kafka.bootstrap, name, 2)
    own_topic.produce(kafka.bootstrap, name, sent)

    draft = json.loads(project.ap("stream", "new", STREAM, "--from-topic", name, "--json"))
    own_topic.publish(project.folder, draft)
    project.ap("schema", "sync")
    ran = project.lease()

    assert own_topic.changed_files(project.folder) == sorted(DECLARED)
    assert ran["is_done"] and {f"topic/{name}", "bids/silver", *ASSETS} <= set(ran["assets"])
    rows, schema = silver_rows(project.tables, project.schema()), project.schema()
    assert differences(sent, rows, schema) == []
    altered = {**sent[7], "payload": {**sent[7]["payload"], "action": "another"}}
    assert differences([*sent[:7], altered, *sent[8:]], rows, schema) == [f"{altered['id']}: payload differs"]
    own_topic.unpublish(project.folder)
    assert own_topic.changed_files(project.folder) == []
