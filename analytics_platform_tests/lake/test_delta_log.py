"""A half-written commit, a leftover and a broken checkpoint are found, and once set aside the table opens again."""

import pytest
from deltalake import DeltaTable

from analytics_platform.errors import DamagedTableError
from analytics_platform.lake.delta_log import (
    ASIDE,
    LOG,
    LogFault,
    cut_off,
    is_whole_commit,
    last_version,
    log_damage,
    set_aside,
)
from analytics_platform.lake.tables import Table
from analytics_platform_tests.lake.test_tables import SHAPE, content, put


@pytest.fixture
def root(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    for batch, value in enumerate("abc", start=1):
        put(table, batch, value)
    return table.root


def commit(root, version):
    return root / LOG / f"{version:020}.json"


def faults(root):
    return [(damage.fault, damage.version) for damage in log_damage(root)]


def test_a_good_log_has_no_damage(root):
    assert faults(root) == [] and last_version(root) == 3


@pytest.mark.parametrize("keep", [0, 10, 200, -5])
def test_a_commit_that_was_cut_off_is_found_wherever_it_was_cut(root, keep):
    text = commit(root, 3).read_text()
    commit(root, 3).write_text(text[:keep])
    assert faults(root) == [(LogFault.CUT_OFF, 3)]


def test_a_commit_cut_off_after_a_whole_line_is_found(root):
    lines = commit(root, 3).read_text().splitlines()
    for kept in range(len(lines)):
        assert not is_whole_commit("\n".join(lines[:kept]))
    assert is_whole_commit("\n".join(lines))


def test_a_table_whose_last_commit_was_set_aside_is_what_it_was_before(root, tmp_path):
    commit(root, 3).write_text('{"commitInfo":')
    with pytest.raises(DamagedTableError, match="ap table check"):
        Table.open(tmp_path, SHAPE)
    (damage,) = log_damage(root)
    assert set_aside(root, damage).parent.name == ASIDE
    assert [row["x"] for row in content(tmp_path)] == ["a", "b"] and faults(root) == []
    put(Table.open(tmp_path, SHAPE), 3, "again")
    assert [row["x"] for row in content(tmp_path)] == ["a", "again", "b"]


def test_a_commit_in_the_middle_that_is_missing_is_named(root):
    commit(root, 2).unlink()
    assert faults(root) == [(LogFault.ABSENT, 2)]


def test_what_a_killed_writer_left_is_found_and_harmless(root, tmp_path):
    (root / LOG / "00000000000000000004.json#1").write_text("half")
    (root / LOG / "_commit_0815.json.tmp").write_text("")
    assert {fault for fault, _ in faults(root)} == {LogFault.LEFTOVER} and len(content(tmp_path)) == 3


def test_a_broken_checkpoint_is_found_and_the_log_does_without_it(root, tmp_path):
    DeltaTable(str(root)).create_checkpoint()
    (path,) = (root / LOG).glob("*.checkpoint.parquet")
    path.write_bytes(path.read_bytes()[:100])
    found = log_damage(root)
    assert [damage.fault for damage in found] == [LogFault.CHECKPOINT, LogFault.CHECKPOINT]
    for damage in found:
        set_aside(root, damage)
    assert len(content(tmp_path)) == 3 and faults(root) == []


def test_an_empty_last_commit_is_not_opened_as_the_version_before(root, tmp_path):
    commit(root, 3).write_text("")
    with pytest.raises(DamagedTableError, match="the commit of version 3 was cut off"):
        Table.open(tmp_path, SHAPE)


def test_commits_before_a_checkpoint_do_not_matter(root, tmp_path):
    DeltaTable(str(root)).create_checkpoint()
    commit(root, 2).write_text("")
    assert cut_off(root, 3) is None and faults(root) == []
    assert len(Table.open(tmp_path, SHAPE).files()) == 3
