"""A YAML text is read, or refused with its line; nothing that a text holds is raised, run or multiplied."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.errors import DeclarationError
from analytics_platform.yaml_text import DEEPEST, Document, Fault, dump_yaml, parse_yaml, read_yaml

TEXT = st.text(st.characters(min_codepoint=32, exclude_characters="\x85", categories=("L", "N", "P", "S")))
PLAIN = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXT | st.dates()
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=8)


@given(VALUES)
def test_what_is_dumped_is_read_again(value):
    assert read_yaml(dump_yaml(value), "f").value == value


def test_the_same_value_twice_is_written_out_twice():
    shared = {"a": [1]}
    assert read_yaml(dump_yaml([shared, shared]), "f").value == [shared, shared]


@given(st.text())
def test_any_text_is_a_document_or_a_fault(text):
    assert isinstance(parse_yaml(text), Document | Fault)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: &x [1]\nc: *x", 3, "an alias stands here"),
        ("a: &x [*x]", 1, "an alias stands here"),
        ("a: 1\nb: !!python/object/apply:os.getcwd []", 2, "a tag stands here"),
        ("a: !!timestamp nope", 1, "a tag stands here"),
        ("a: 1\n<<: {b: 2}", 2, "a merge stands here"),
        ("a: !own 1", 1, "a tag stands here"),
        ("[" * 2_000, 1, f"{DEEPEST + 1} levels stand here"),
        ("a: 2026-13-45", 1, "holds a date, number or letter that there is not"),
        ("a: " + "9" * 5_000, 1, "holds a date, number or letter that there is not"),
        ("a: '\ud800'", 1, "holds a date, number or letter that there is not"),
        ("a: 1\n{[1]: 2}", 2, "is no YAML"),
        ("a: \x00", 1, "is no YAML"),
        ("a: 1\nb: [", 2, "is no YAML"),
        ("---\na: 1\n---\nb: 2", 3, "is no YAML"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text, line, problem):
    with pytest.raises(DeclarationError) as caught:
        read_yaml(text, "f")
    assert caught.value.where == f"f, line {line}"
    assert caught.value.problem.startswith(problem) and caught.value.remedy


def test_a_key_that_stands_twice_is_told_wherever_it_is():
    with pytest.raises(DeclarationError, match=r"f, line 3: 'b' stands twice; keep one of them"):
        read_yaml("a:\n - b: 1\n   b: 2", "f")
    assert isinstance(parse_yaml("a: 1\na: 2"), Document)


def test_nothing_is_nothing():
    assert read_yaml("", "f") == Document(node=None, value=None)


def test_a_key_that_has_no_hash_harms_nobody():
    with pytest.raises(DeclarationError):
        read_yaml("? [1]\n: 2", "f")
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load("? [1]\n: 2")
