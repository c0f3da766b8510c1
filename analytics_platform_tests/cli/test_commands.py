"""The command line: quick to start, honest about errors, an example everywhere."""

import json
import subprocess
import sys
from importlib import import_module

import click
import pytest
from click.testing import CliRunner

from analytics_platform.cli import COMMANDS, commands
from analytics_platform.cli.logs import Span
from analytics_platform.settings import ROOT, instance_file

HEAVY = ("dagster", "duckdb", "pandas", "pyarrow", "deltalake", "kafka")


def run(*arguments: str, state_dir, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "analytics_platform.cli", *arguments],
        env={"PATH": "/usr/bin:/bin", "AP_STATE_DIR": str(state_dir), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def leaves(name: str, command: click.Command) -> list[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        return [(name, command)]
    return [leaf for verb, inner in command.commands.items() for leaf in leaves(f"{name} {verb}", inner)]


def every_command() -> list[tuple[str, click.Command]]:
    return [leaf for name, (module, _) in COMMANDS.items() for leaf in leaves(name, import_module(module).command)]


def test_help_imports_nothing_heavy():
    code = "import sys; from analytics_platform.cli import commands; commands(['--help'], standalone_mode=False)"
    program = f"{code}; print([name for name in {HEAVY} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "[]"


def test_help_lists_every_command_in_one_line():
    said = CliRunner().invoke(commands, ["--help"]).output
    assert all(line in " ".join(said.split()) for _, line in COMMANDS.values())


@pytest.mark.parametrize(
    ("name", "command"), every_command(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_each_command_has_an_example_and_json(name, command):
    assert (command.epilog or "").startswith(f"Example: ap {name}")
    assert any("--json" in parameter.opts for parameter in command.params)


def test_a_state_folder_without_an_instance_is_down_with_exit_code_2(tmp_path):
    done = run("status", "--json", state_dir=tmp_path / "nothing")
    assert (done.returncode, json.loads(done.stdout)["level"]) == (2, "down")


def test_an_error_is_one_line_that_says_what_to_do(tmp_path):
    done = run("sql", "select 1", state_dir=tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "ap up" in done.stderr


def test_a_malformed_setting_is_named(tmp_path):
    done = run("config", "show", state_dir=tmp_path, AP_LEASE_SECONDS="soon")
    listed = run("status", state_dir=tmp_path, AP_LEASE_SECONDS="soon")
    assert done.returncode == 0 and "soon" in done.stdout
    assert listed.returncode == 1 and "lease_seconds" in listed.stderr


def test_config_masks_secrets(tmp_path):
    dsn = "postgresql://me:hunter2@db/platform"
    said = run("config", "show", "--json", state_dir=tmp_path, AP_LEDGER_DSN=dsn).stdout
    shown = {setting["name"]: setting for setting in json.loads(said)}["ledger_dsn"]
    assert shown["value"] == "postgresql://me:***@db/platform"
    assert shown["source"] == "environment AP_LEDGER_DSN"
    assert "hunter2" not in said


def test_reset_deletes_only_what_an_instance_has_made(tmp_path):
    foreign = tmp_path / "home"
    foreign.mkdir()
    (foreign / "letter.txt").write_text("dear")
    refused = run("reset", "--yes", state_dir=foreign)
    assert refused.returncode == 1 and (foreign / "letter.txt").exists()
    instance_file(foreign).write_text('{"environment": {}}')
    assert run("reset", "--yes", state_dir=foreign).returncode == 0
    assert not foreign.exists()


def test_reset_asks_first(tmp_path):
    instance_file(tmp_path).write_text('{"environment": {}}')
    assert run("reset", state_dir=tmp_path).returncode != 0
    assert instance_file(tmp_path).exists()


def test_a_span_is_a_number_and_a_unit():
    assert Span().convert("90s", None, None).total_seconds() == 90
    assert Span().convert("2d", None, None).days == 2
    with pytest.raises(click.BadParameter, match="15m"):
        Span().convert("soon", None, None)


def test_init_makes_a_project_without_the_auction_house(tmp_path):
    project = tmp_path / "ours"
    assert run("init", str(project), state_dir=tmp_path / "state").returncode == 0
    assert (project / "Makefile").exists()
    assert not (project / "analytics_platform/local/auction_house").exists()
    program = (
        "from analytics_platform.definitions.location import defs; from analytics_platform.products import catalog;"
        "assert not catalog().streams; print(len(defs().get_repository_def().get_all_jobs()))"
    )
    loaded = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=project,
        env={"PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
    )
    assert loaded.returncode == 0, loaded.stderr
    again = run("init", str(project), state_dir=tmp_path / "state")
    assert again.returncode == 1 and "not empty" in again.stderr
