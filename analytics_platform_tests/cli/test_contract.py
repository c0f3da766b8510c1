"""`ap contract lint` and `list`: what a person sees of contracts."""

import json
import shutil

import pytest
from click.testing import CliRunner

from analytics_platform.cli import commands
from analytics_platform.products import catalog
from analytics_platform.settings import ROOT

pytestmark = pytest.mark.skipif(not catalog().streams, reason="a project without streams has no contracts")


@pytest.fixture
def schemas(tmp_path, monkeypatch):
    """A copy of the schemas that a test may spoil."""
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    monkeypatch.setenv("AP_SCHEMA_DIR", str(tmp_path / "schemas"))
    return tmp_path / "schemas"


def ap(*arguments):
    return CliRunner().invoke(commands, arguments)


def test_the_shipped_contracts_are_clean(schemas):
    done = ap("contract", "lint")
    assert (done.exit_code, done.output) == (0, "")


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("threshold", "treshold", "did you mean `threshold`?"),
        ("name: price", "name: prise", "did you mean `price`?"),
        ("platform/main/bids", "platform/main/persons", "write `dataset: platform/main/bids`"),
        ("avg(ln", "avg(lnn", "its expression cannot run"),
    ],
)
def test_a_fault_is_one_line_with_file_and_line_and_exit_code_1(schemas, right, wrong, said):
    contract = schemas / "bids" / "contract.yml"
    contract.write_text(contract.read_text().replace(right, wrong, 1))
    done = ap("contract", "lint")
    assert done.exit_code == 1 and said in done.output
    assert all(line.split(":")[0].endswith("bids/contract.yml") for line in done.output.strip().splitlines())


def test_every_check_is_listed_with_its_stable_path(schemas):
    rows = json.loads(ap("contract", "list", "--json").output)
    price = next(row for row in rows if row["path"] == "columns.price.checks.metric.unit" and row["product"] == "bids")
    assert price["owner"] == "team:auctions" and price["scope"] == "batch" and price["threshold"].startswith("within")
