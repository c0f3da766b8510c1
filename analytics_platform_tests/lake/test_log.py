"""The log of a table is cut short, and what is kept can be read."""

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from analytics_platform.lake.log import FOLDER, forget_versions


@pytest.fixture
def root(tmp_path):
    for number in range(25):
        write_deltalake(
            str(tmp_path),
            pa.table({"n": [number]}),
            mode="append",
            configuration={"delta.checkpointInterval": "10"} if number == 0 else None,
        )
    return tmp_path


def test_every_version_from_there_on_can_still_be_read(root):
    assert forget_versions(root, keep_from=17) > 0
    for version in range(17, 25):
        assert len(DeltaTable(str(root), version=version).file_uris()) == version + 1
    with pytest.raises(DeltaError):
        DeltaTable(str(root), version=5)


def test_nothing_is_forgotten_before_the_first_checkpoint(root):
    before = sorted(path.name for path in (root / FOLDER).iterdir())
    assert forget_versions(root, keep_from=5) == 0
    assert sorted(path.name for path in (root / FOLDER).iterdir()) == before


def test_forgetting_twice_forgets_nothing_more(root):
    forget_versions(root, keep_from=24)
    assert forget_versions(root, keep_from=24) == 0


def test_a_writer_goes_on_after_its_log_was_cut(root):
    table = DeltaTable(str(root))
    forget_versions(root, keep_from=24)
    write_deltalake(table, pa.table({"n": [25]}), mode="append")
    table.update_incremental()
    assert (table.version(), len(table.file_uris())) == (25, 26)
