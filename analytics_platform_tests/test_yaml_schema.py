import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.yaml_schema import check_text
from analytics_platform.yaml_text import DEEPEST

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$", "form": "a name in small letters"},
        "count": {"type": "integer", "minimum": 1},
        "by": {
            "type": "object",
            "propertyNames": {"pattern": "^[a-z]+$", "form": "a name in small letters"},
            "additionalProperties": {"$ref": "#/$defs/kind"},
        },
    },
    "$defs": {"kind": {"enum": ["red", "green"]}},
}


def faults(text: str) -> list[str]:
    return [str(fault) for fault in check_text(text, SCHEMA).faults]


def test_a_right_text_has_no_fault_and_says_what_it_says():
    checked = check_text("name: ana\ncount: 2\nby: {x: red}\n", SCHEMA)
    assert (checked.faults, checked.value) == ((), {"name": "ana", "count": 2, "by": {"x": "red"}})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("nmae: ana\nname: ana", "line 1: unknown key `nmae`; did you mean `name`?"),
        ("count: 1", "line 1: `name` is missing; add it"),
        ("name: Ana", "line 1: `Ana` has another form; write a name in small letters"),
        ("name: ana\ncount: 0", "line 2: `0` is too little; write 1 or more"),
        ("name: ana\ncount: two", "line 2: `two` stands here; write an integer"),
        ("name: ana\nname: ben", "line 2: `name` stands twice in one place; keep one of them"),
        ("name: ana\nby: {x: red}\nby: 1", "line 3: `by` stands twice in one place; keep one of them"),
        ("name: ana\nby:\n  X: red", "line 3: `X` has another form; write a name in small letters"),
        ("name: ana\nby:\n  x: rde", "line 3: unknown value `rde`; did you mean `red`?"),
        ("name: ana\nby:\n  1: red", "line 3: `1` is a key, and no text; put it in quotes"),
        ("name: ]", "line 1: is no YAML: did not find expected node content; mend the text"),
        (
            "name: 2026-13-45",
            "line 1: holds a date, number or letter that there is not; put what is a text in quotes",
        ),
        ("name: &a ana\nby: {x: *a}", "line 2: an alias stands here; write out what it stands for"),
        ("name: " + "[" * 500, f"line 1: {DEEPEST + 1} levels stand here; write at most {DEEPEST}"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_what_to_do(text, fault):
    assert fault in faults(text)


@given(st.text(max_size=200))
def test_no_text_whatever_ends_it(text):
    check_text(text, SCHEMA)
