"""Changes of JSON Schemas, from the specifications and public documentation. Written anew, none copied.

What is compatible follows from the meaning of each keyword: a reader is safe if every document that the writer's schema
allows is one that the reader's allows. Where Confluent is more lenient, the name of the case says so.
"""

from analytics_platform.registry.compatibility import BreakKind as K
from analytics_platform_tests.registry.compatibility.cases import Case, cases
from analytics_platform_tests.registry.compatibility.schemas import json_

DRAFT_7 = "JSON Schema Validation, draft-07"
TYPE, ENUM, CONST = f"{DRAFT_7}, 6.1.1 type", f"{DRAFT_7}, 6.1.2 enum", f"{DRAFT_7}, 6.1.3 const"
NUMBERS, STRINGS = f"{DRAFT_7}, 6.2 numeric instances", f"{DRAFT_7}, 6.3 strings"
ARRAYS, OBJECTS = f"{DRAFT_7}, 6.4 arrays", f"{DRAFT_7}, 6.5 objects"
CONDITIONS, LOGIC, FORMAT = f"{DRAFT_7}, 6.6 conditionally", f"{DRAFT_7}, 6.7 boolean logic", f"{DRAFT_7}, 7 format"
ANNOTATIONS = f"{DRAFT_7}, 10 annotations"
REFERENCES = "JSON Schema Core, draft-07, 8.3 $ref"
CORE_2020 = "JSON Schema Core, 2020-12, 10 applicators"
DRAFT_4 = "JSON Schema Validation, draft-04, 5.1 numeric instances"
YOKOTA = "R. Yokota, Understanding JSON Schema Compatibility (2021)"
CONFLUENT = "Confluent Platform documentation, JSON Schema compatibility rules"
NEWEST, OLDEST = "https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-04/schema#"

TEXT, WHOLE, ANY_NUMBER, NOTHING = ({"type": name} for name in ("string", "integer", "number", "null"))


def open_(required=(), **properties):
    """An object that may hold other properties too."""
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def closed(required=(), **properties):
    return {**open_(required, **properties), "additionalProperties": False}


def partly(rest, **properties):
    return {**open_(**properties), "additionalProperties": rest}


def narrowed(name, source, wide, narrow, kind):
    """A case that is safe one way only: what was wide becomes narrow."""
    return (name, source, wide, narrow, kind, None)


def text(**more):
    return {"type": "string", **more}


def number(**more):
    return {"type": "number", **more}


def array(items=True, **more):
    return {"type": "array", "items": items, **more}


CONTENT_MODELS = (
    ("open, an optional property is added", YOKOTA, open_(a=TEXT), open_(a=TEXT, b=TEXT), K.CONTENT, None),
    ("open, an optional property is removed", YOKOTA, open_(a=TEXT, b=TEXT), open_(a=TEXT), None, K.CONTENT),
    ("closed, an optional property is added", YOKOTA, closed(a=TEXT), closed(a=TEXT, b=TEXT), None, K.CONTENT),
    ("closed, an optional property is removed", YOKOTA, closed(a=TEXT, b=TEXT), closed(a=TEXT), K.CONTENT, None),
    (
        "partly open, a property of that schema is added",
        YOKOTA,
        partly(TEXT, a=TEXT),
        partly(TEXT, a=TEXT, b=TEXT),
        None,
        None,
    ),
    (
        "partly open, a property of another type is added",
        YOKOTA,
        partly(TEXT, a=TEXT),
        partly(TEXT, a=TEXT, b=WHOLE),
        K.CONTENT,
        K.TYPE,
    ),
    ("open becomes closed", CONFLUENT, open_(a=TEXT), closed(a=TEXT), K.CONTENT, None),
    ("open becomes partly open", CONFLUENT, open_(a=TEXT), partly(TEXT, a=TEXT), K.CONTENT, None),
    ("closed becomes partly open", CONFLUENT, closed(a=TEXT), partly(TEXT, a=TEXT), None, K.CONTENT),
    ("open, a property without constraints is added", YOKOTA, open_(a=TEXT), open_(a=TEXT, b={}), None, None),
    (
        "open, a property that may be anything is described",
        ANNOTATIONS,
        open_(),
        open_(b={"description": "b"}),
        None,
        None,
    ),
    ("closed, one is added and another removed", YOKOTA, closed(a=TEXT), closed(b=TEXT), K.CONTENT, K.CONTENT),
    ("nested and open, a property is added", YOKOTA, open_(o=open_()), open_(o=open_(a=TEXT)), K.CONTENT, None),
    ("nested and closed, a property is added", YOKOTA, closed(o=closed()), closed(o=closed(a=TEXT)), None, K.CONTENT),
)
REQUIRED = (
    narrowed("an optional property becomes required", OBJECTS, closed(a=TEXT), closed(["a"], a=TEXT), K.REQUIRED),
    (
        "a required property with a default is added: no validator fills it in",
        OBJECTS,
        closed(),
        closed(["a"], a=text(default="")),
        K.REQUIRED,
        K.CONTENT,
    ),
    narrowed(
        "what is required need not be named",
        OBJECTS,
        {"type": "object"},
        {"type": "object", "required": ["x"]},
        K.REQUIRED,
    ),
    (
        "names that are required change places",
        OBJECTS,
        open_(["a", "b"], a=TEXT, b=TEXT),
        open_(["b", "a"], a=TEXT, b=TEXT),
        None,
        None,
    ),
    narrowed("more properties are needed", OBJECTS, {"minProperties": 1}, {"minProperties": 2}, K.BOUND),
    narrowed("fewer properties are allowed", OBJECTS, {"maxProperties": 2}, {"maxProperties": 1}, K.BOUND),
    (
        "what is required is enough for a least number",
        OBJECTS,
        open_(["a", "b"]),
        {**open_(["a", "b"]), "minProperties": 2},
        None,
        None,
    ),
    narrowed("a dependency is added", OBJECTS, {}, {"dependencies": {"a": ["b"]}}, K.UNDECIDED),
    narrowed(
        "names must be short",
        OBJECTS,
        {"type": "object"},
        {"type": "object", "propertyNames": {"maxLength": 3}},
        K.BOUND,
    ),
    narrowed(
        "a pattern of names gets a schema",
        OBJECTS,
        {"type": "object"},
        {"type": "object", "patternProperties": {"^x": TEXT}},
        K.CONTENT,
    ),
    narrowed(
        "the schema of a pattern of names is narrowed",
        OBJECTS,
        {"patternProperties": {"^x": ANY_NUMBER}},
        {"patternProperties": {"^x": WHOLE}},
        K.TYPE,
    ),
    (
        "a name is listed that its pattern allowed",
        OBJECTS,
        {"patternProperties": {"^x": TEXT}},
        {"patternProperties": {"^x": TEXT}, "properties": {"x1": TEXT}},
        None,
        None,
    ),
)
TYPES = (
    narrowed("a number becomes an integer", TYPE, ANY_NUMBER, WHOLE, K.TYPE),
    narrowed("null is no more allowed", TYPE, {"type": ["string", "null"]}, TEXT, K.TYPE),
    ("a text becomes an integer", TYPE, TEXT, WHOLE, K.TYPE, K.TYPE),
    narrowed("a type is said at all", TYPE, {}, TEXT, K.TYPE),
    ("the same types in other words", TYPE, {"type": ["string", "null"]}, {"anyOf": [TEXT, NOTHING]}, None, None),
    ("integers are numbers already", TYPE, ANY_NUMBER, {"type": ["integer", "number"]}, None, None),
    narrowed("a type inside a property is narrowed", TYPE, open_(a=ANY_NUMBER), open_(a=WHOLE), K.TYPE),
    narrowed("a value is no more listed", ENUM, {"enum": ["a", "b"]}, {"enum": ["a"]}, K.SYMBOLS),
    narrowed("texts become listed", ENUM, TEXT, {"type": "string", "enum": ["a"]}, K.SYMBOLS),
    ("listed values change places", ENUM, {"enum": ["a", "b"]}, {"enum": ["b", "a"]}, None, None),
    ("true is not 1", ENUM, {"enum": [1]}, {"enum": [True]}, K.SYMBOLS, K.SYMBOLS),
    narrowed("listed values become one", CONST, {"enum": ["a", "b"]}, {"const": "a"}, K.SYMBOLS),
    ("a constant is a list of one", CONST, {"const": "a"}, {"enum": ["a"]}, None, None),
    ("a constant changes", CONST, {"const": "a"}, {"const": "b"}, K.SYMBOLS, K.SYMBOLS),
    ("listed texts are texts", ENUM, {"enum": ["a"]}, TEXT, None, K.SYMBOLS),
    ("both booleans are all booleans", ENUM, {"type": "boolean"}, {"enum": [True, False]}, None, None),
)
BOUNDS = (
    narrowed("a minimum is raised", NUMBERS, number(minimum=1), number(minimum=2), K.BOUND),
    narrowed("a maximum is lowered", NUMBERS, number(maximum=2), number(maximum=1), K.BOUND),
    narrowed("a minimum is added", NUMBERS, number(), number(minimum=0), K.BOUND),
    narrowed("a minimum excludes itself", NUMBERS, number(minimum=0), number(exclusiveMinimum=0), K.BOUND),
    narrowed("a maximum excludes itself", NUMBERS, number(maximum=0), number(exclusiveMaximum=0), K.BOUND),
    narrowed(
        "a minimum excludes itself, in draft 4",
        DRAFT_4,
        {"$schema": OLDEST, **number(minimum=0)},
        {"$schema": OLDEST, **number(minimum=0, exclusiveMinimum=True)},
        K.BOUND,
    ),
    narrowed("multiples of 2 become those of 4", NUMBERS, number(multipleOf=2), number(multipleOf=4), K.BOUND),
    ("multiples of 2 become those of 3", NUMBERS, number(multipleOf=2), number(multipleOf=3), K.BOUND, K.BOUND),
    ("a bound of numbers says nothing of texts", NUMBERS, TEXT, text(minimum=3), None, None),
    ("listed numbers lie within a bound", NUMBERS, {"enum": [1, 2]}, {"enum": [1, 2], "maximum": 2}, None, None),
    narrowed("texts must be longer", STRINGS, text(minLength=1), text(minLength=2), K.BOUND),
    narrowed("texts must be shorter", STRINGS, text(maxLength=2), text(maxLength=1), K.BOUND),
    ("a least length of 0 says nothing", STRINGS, text(), text(minLength=0), None, None),
    narrowed("a pattern is added", STRINGS, text(), text(pattern="^a"), K.BOUND),
    (
        "a pattern changes, and nobody can compare two",
        STRINGS,
        text(pattern="^a"),
        text(pattern="^(a|b)"),
        K.BOUND,
        K.BOUND,
    ),
    narrowed("a format is added", FORMAT, text(), text(format="date-time"), K.LOGICAL_TYPE),
    ("a format changes", FORMAT, text(format="date"), text(format="date-time"), K.LOGICAL_TYPE, K.LOGICAL_TYPE),
    narrowed(
        "content is encoded", f"{DRAFT_7}, 8.3 contentEncoding", text(), text(contentEncoding="base64"), K.LOGICAL_TYPE
    ),
)
JSON: list[Case] = cases("json", json_, (*CONTENT_MODELS, *REQUIRED, *TYPES, *BOUNDS))
