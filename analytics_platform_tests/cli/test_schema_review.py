import json

from click.testing import CliRunner

from analytics_platform.cli.schema_review import check, diff, docs, lint
from analytics_platform.settings import ROOT

BIDS = ROOT / "schemas" / "bids" / "value" / "1.avsc"


def run(command, *arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)


def test_the_schemas_shipped_here_have_no_fault_and_no_draft_that_hurts():
    assert (run(lint).output, run(check).output) == ("", "")


def test_a_file_is_checked_as_the_next_version_and_everyone_hurt_is_named(tmp_path):
    source = json.loads(BIDS.read_text())
    source["fields"] = [field for field in source["fields"] if field["name"] != "price"]
    source["fields"].append({"name": "currency", "type": "string"})
    (tmp_path / "new.avsc").write_text(json.dumps(source))

    found = run(check, "bids", "--file", tmp_path / "new.avsc", "--json")

    assert found.exit_code == 1
    hurt = {(each["hurts"], each["path"]) for each in json.loads(found.output)}
    assert hurt >= {("readers of old data", "currency"), ("the lake", "price"), ("a model", "price")}


def test_a_new_field_with_a_default_hurts_nobody(tmp_path):
    source = json.loads(BIDS.read_text())
    source["fields"].append({"name": "currency", "type": "string", "default": "USD", "pii": "none"})
    (tmp_path / "new.avsc").write_text(json.dumps(source))

    assert run(check, "bids", "--file", tmp_path / "new.avsc").exit_code == 0


def test_a_page_is_written_for_each_subject(tmp_path):
    assert run(docs, "--into", tmp_path).exit_code == 0
    assert "bids-value.md" in {page.name for page in tmp_path.iterdir()}


def test_a_diff_of_a_version_with_itself_is_empty():
    assert run(diff, "bids", 1, 1).output == "no field is different\n"
