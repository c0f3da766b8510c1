"""Every library that runs use works in a child, if the parent has imported it and called nothing."""

import json
import os
import subprocess
import sys

import pytest

USES = {
    "deltalake": """
        import pyarrow, deltalake
        deltalake.write_deltalake(place, pyarrow.table({"n": [1, 2]}))
        assert deltalake.DeltaTable(place).to_pyarrow_table().num_rows == 2""",
    "duckdb": """
        import duckdb
        found = duckdb.connect(config={"threads": 2}).execute("select sum(range) from range(1000000)").fetchone()
        assert found[0] > 0""",
    "pyarrow": """
        import pyarrow, pyarrow.compute, pyarrow.parquet
        pyarrow.parquet.write_table(pyarrow.table({"n": list(range(100000))}), place)
        assert pyarrow.compute.sum(pyarrow.parquet.read_table(place)["n"]).as_py() > 0""",
    "psycopg": """
        import psycopg
        with psycopg.connect(dsn) as ledger:
            assert ledger.execute("select 7").fetchone() == (7,)""",
    "kafka": """
        from analytics_platform.ingest.kafka.fetch import KafkaReader
        with KafkaReader(bootstrap) as reader:
            assert reader is not None""",
    "soda": """
        import pyarrow
        from datetime import datetime, UTC
        from analytics_platform.quality.contract import Scope
        from analytics_platform.quality.soda import ready
        text = "dataset: platform/main/bids\\ncolumns:\\n  - name: n\\n    checks:\\n      - missing:\\n"
        measured = ready(text, "bids", Scope.BATCH).verify({"bids": pyarrow.table({"n": [1]})}, datetime.now(UTC))
        assert len(measured) == 1""",
    "fastavro": """
        import io, fastavro
        body = io.BytesIO()
        fastavro.schemaless_writer(body, "long", 7)
        assert fastavro.schemaless_reader(io.BytesIO(body.getvalue()), "long", None) == 7""",
    "sqlglot": """
        import sqlglot
        assert sqlglot.parse_one("select 1 as one").named_selects == ["one"]""",
    "numpy": """
        import numpy
        assert numpy.dot(numpy.ones((500, 500)), numpy.ones((500, 500)))[0, 0] == 500""",
    "dagster": """
        import dagster
        with dagster.DagsterInstance.ephemeral() as instance:
            assert instance.get_runs() == []""",
}
PARENT = """
import json, os, sys, textwrap, traceback
from analytics_platform.definitions.warm.__main__ import ONE_THREAD
os.environ.update(ONE_THREAD)
from analytics_platform.definitions.warm.imports import import_location
from analytics_platform.definitions.warm.parent import require_one_thread
import_location("analytics_platform.definitions.location")
import analytics_platform.definitions.prepare
dsn, bootstrap, folder = sys.argv[1:4]
uses, first = json.loads(sys.argv[4]), sys.argv[5]

def use(name):
    place = f"{folder}/{os.getpid()}-{name}"
    exec(textwrap.dedent(uses[name]), {"dsn": dsn, "bootstrap": bootstrap, "place": place})

def in_a_child(name):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        try:
            use(name)
            said = "works"
        except BaseException:
            said = traceback.format_exc()
        os.write(write, said.encode()[-4000:])
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        said = answer.read() or "died without a word"
    os.waitpid(child, 0)
    return said

if first:
    use(first)
else:
    require_one_thread()
print(json.dumps({name: in_a_child(name) for name in uses}))
if not first:
    require_one_thread()
"""


def children_of(parent_calls, uses, dsn, bootstrap, folder):
    """What a child each says of the uses; `parent_calls` is what the parent has used itself before."""
    done = subprocess.run(
        [sys.executable, "-c", PARENT, dsn, bootstrap, str(folder), json.dumps(uses), parent_calls],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "DAGSTER_HOME": ""},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def said(postgres, kafka, tmp_path_factory):
    return children_of("", USES, postgres.dsn, kafka.bootstrap, tmp_path_factory.mktemp("children"))


@pytest.mark.parametrize("library", USES)
def test_a_child_may_use_what_its_parent_only_imported(library, said):
    assert said[library] == "works"


def test_deltalake_refuses_a_child_whose_parent_has_called_it(kafka, ledger_dsn, tmp_path):
    used = {"deltalake": USES["deltalake"]}
    assert "fork" in children_of("deltalake", used, ledger_dsn, kafka.bootstrap, tmp_path)["deltalake"].lower()
