"""The workflow in docs/review-in-ci.md is one that would run: YAML, and commands and targets that exist and succeed."""

import re
import shlex
import subprocess

import pytest
import yaml
from click.testing import CliRunner

from analytics_platform.cli import commands
from analytics_platform.settings import ROOT
from analytics_platform_tests.service.served import git

PAGE = (ROOT / "docs" / "review-in-ci.md").read_text()
WORKFLOW = yaml.safe_load(re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0])
STEPS = [step["run"] for step in WORKFLOW["jobs"]["review"]["steps"] if "run" in step]
LINT = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]


def test_each_target_of_make_in_it_exists_and_lint_reviews_schemas():
    targets = [step.split()[1] for step in STEPS if step.startswith("make ")]
    assert targets == ["install", "lint"]
    assert all(re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE) for target in targets)
    assert "ap schema lint" in LINT and "ap schema check" in LINT


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="there is no history to review")
def test_each_command_of_ap_in_it_succeeds_here(tmp_path):
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(clone)], check=True)
    git(clone, "update-ref", "refs/remotes/origin/main", "HEAD")
    ours = [step.replace("$GITHUB_BASE_REF", "main") for step in STEPS if ".venv/bin/ap" in step]
    for words in (shlex.split(step)[1:] for step in [*ours, "ap schema lint", "ap schema check"]):
        done = CliRunner(env={"AP_SCHEMA_DIR": str(clone / "schemas")}).invoke(commands, words, catch_exceptions=False)
        assert done.exit_code == 0, f"{words}: {done.output}"
    assert len(ours) == 1


def test_it_sees_the_whole_history_and_the_branchs_own_commit():
    (checkout,) = (s for s in WORKFLOW["jobs"]["review"]["steps"] if s.get("uses", "").startswith("actions/checkout"))
    assert checkout["with"]["fetch-depth"] == 0 and "head.sha" in checkout["with"]["ref"]
