"""The pages say what is: links lead somewhere, commands and options exist, settings and dependencies are named."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from analytics_platform.cli import COMMANDS, commands
from analytics_platform.local.instance import MARKER, PART
from analytics_platform.local.project import is_left_out
from analytics_platform.settings import PREFIX, ROOT, Settings

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SCREENSHOTS = ROOT / "docs" / "images"
DECISIONS = ROOT / "docs" / "decisions"
SETTINGS = {field.name for field in fields(Settings)}
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`]+)`")
COMMAND = re.compile(r"(?:^|[\s`(;&|])(?:\.venv/bin/)?ap ((?:[a-z]+|--?[a-z])[^`;|&)#]*)")
SETTING_ROW = re.compile(r"^\| `(\w+)` \| `(AP_\w+)` \|", re.MULTILINE)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAKE = re.compile(r"(?:`|^    )make ([a-z]+)", re.MULTILINE)


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def is_elsewhere(file: Path) -> bool:
    """Whether the file is a screenshot where no proof has made any, or was left out of a project by `ap init`."""
    if SCREENSHOTS in file.parents:
        return not SCREENSHOTS.exists()
    return not DECISIONS.exists() and file.is_relative_to(ROOT) and is_left_out(file.relative_to(ROOT))


def in_pages(*names: str) -> str:
    return "\n".join((ROOT / name).read_text() for name in names)


def code_lines(text: str) -> Iterator[str]:
    """What is set as code: spans, fences and indented lines; prose is left out."""
    for line in FENCE.sub("", text).splitlines():
        if line.startswith("    "):
            yield line.strip()
        else:
            yield from CODE.findall(line)


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def command_at(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that those words name, and the words that are left for it."""
    found: click.Command = commands
    left = list(words)
    context = click.Context(commands)
    while isinstance(found, click.Group) and left and not left[0].startswith("-"):
        try:
            _, below, left = found.resolve_command(context, left)
        except click.UsageError as error:
            raise AssertionError(f"ap {' '.join(words)}: {error}") from error
        assert below is not None
        found = below
    return found, left


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_relative_link_leads_somewhere(page):
    for target in LINK.findall(page.read_text()):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if is_elsewhere(file):
            continue
        assert file.exists(), f"{page_id(page)} links to {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors_of(file), f"{page_id(page)} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_command_named_exists_with_its_options(page):
    for line in code_lines(page.read_text()):
        for said in COMMAND.findall(line):
            words = re.sub(r"\"[^\"]*\"|'[^']*'|<[^>]*>", "X", said).split()
            command, left = command_at(words)
            known = {name for p in command.params for name in p.opts} | {"--help", "-h"}
            if command is commands:
                known.add("--version")
            for option in (word for word in left if word.startswith("-")):
                assert option.partition("=")[0] in known, f"{page_id(page)}: ap {said}"


def test_every_command_is_in_some_page():
    text = in_pages(*map(page_id, PAGES))
    assert [name for name in COMMANDS if f"ap {name}" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_make_target_named_exists(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(MAKE.findall(page.read_text())) <= targets


def test_the_page_of_settings_names_each_and_no_other():
    rows = SETTING_ROW.findall(in_pages("docs/configure.md"))
    assert {name for name, _ in rows} == SETTINGS
    assert all(variable == PREFIX + name.upper() for name, variable in rows)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_variable_named_exists(page):
    in_files = re.findall(r"env: (AP_\w+)", (ROOT / "dagster.yaml").read_text() + (ROOT / "workspace.yaml").read_text())
    known = {PREFIX + name.upper() for name in SETTINGS} | set(in_files) | {MARKER, PART}
    assert set(re.findall(r"\bAP_[A-Z_]+[A-Z]\b", page.read_text())) <= known


LISTS = [ROOT / "docs" / "licences.md", *DECISIONS.glob("0001-*.md")]


@pytest.mark.parametrize("page", LISTS, ids=page_id)
def test_each_direct_dependency_has_its_line(page):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    named = {re.split(r"[\[<>=!~ ]", requirement)[0] for requirement in wanted}
    listed = set(re.findall(r"^\| ([a-z0-9-]+) \|", page.read_text(), re.MULTILINE)) - {"package", "program"}
    assert listed == named


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_python_in_the_pages_compiles_and_imports_what_exists(page):
    for language, source in FENCE.findall(page.read_text()):
        if language == "python":
            compile(source, page_id(page), "exec")
            for module in re.findall(r"^(?:from|import) (analytics_platform[\w.]*)", source, re.MULTILINE):
                assert find_spec(module) is not None, f"{page_id(page)} imports {module}"


def test_every_decision_is_in_the_index():
    index = "".join(page.read_text() for page in DECISIONS.glob("README.md"))
    assert [page.name for page in DECISIONS.glob("0*.md") if page.name not in index] == []
