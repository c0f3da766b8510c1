"""New code is noticed from outside, and nothing else is."""

from analytics_platform.definitions.warm.code import look


def test_a_changed_a_new_and_a_missing_file_are_noticed(tmp_path):
    (tmp_path / "below").mkdir()
    declared = tmp_path / "below" / "bids.py"
    declared.write_text("rate = 1\n")
    before = look([tmp_path])
    assert look([tmp_path]) == before
    declared.write_text("rate = 10\n")
    changed = look([tmp_path])
    (tmp_path / "model.sql").write_text("select 1")
    more = look([tmp_path])
    declared.unlink()
    assert len({before, changed, more, look([tmp_path])}) == 4


def test_caches_and_data_are_no_code(tmp_path):
    before = look([tmp_path])
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "bids.py").write_text("")
    (tmp_path / "rows.parquet").write_text("")
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    assert look([tmp_path]) == before == look([tmp_path, tmp_path / "not-there"])
