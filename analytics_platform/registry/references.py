"""Putting schemas that another one refers to into its text, so that it can be read by itself. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from analytics_platform.facts import SchemaFormat

NAMED = ("record", "error", "enum", "fixed")
SIMPLE = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}


def inlined(text: str, format_: SchemaFormat, referred: Mapping[str, str]) -> str:
    """The text with what it refers to; `referred` are whole texts by the name that it calls each.

    Expects JSON; a reference that it does not use changes nothing.
    """
    if not referred:
        return text
    source, others = json.loads(text), {name: json.loads(other) for name, other in referred.items()}
    whole = _Avro(others).put_in(source, "") if format_ is SchemaFormat.AVRO else _json_schema(source, others)
    return json.dumps(whole, ensure_ascii=False)


class _Avro:
    """Puts each named type where its name is used first, as Avro wants it; later uses keep the name."""

    def __init__(self, referred: Mapping[str, Any]) -> None:
        self._wanted = dict(referred)
        self._defined: set[str] = set()

    def put_in(self, source: Any, namespace: str) -> Any:
        if isinstance(source, str):
            return self._named(source, namespace)
        if isinstance(source, list):
            return [self.put_in(branch, namespace) for branch in source]
        if not isinstance(source, Mapping):
            return source
        if source.get("type") in NAMED:
            return self._definition(source, namespace)
        inner = {key: self.put_in(source[key], namespace) for key in ("type", "items", "values") if key in source}
        return {**source, **inner}

    def _definition(self, source: Mapping[str, Any], namespace: str) -> Any:
        full = _full_name(str(source.get("name", "")), source.get("namespace", namespace))
        if full in self._defined:
            return full  # two texts brought it along
        self._defined.add(full)
        inside = full.rpartition(".")[0]
        fields = source.get("fields")
        if not isinstance(fields, list):
            return source
        return {**source, "fields": [self._field(field, inside) for field in fields]}

    def _field(self, field: Any, namespace: str) -> Any:
        if not isinstance(field, Mapping) or "type" not in field:
            return field
        return {**field, "type": self.put_in(field["type"], namespace)}

    def _named(self, name: str, namespace: str) -> Any:
        full = _full_name(name, namespace)
        found = full if full in self._wanted else name
        if name in SIMPLE or full in self._defined or found not in self._wanted:
            return name
        if found in self._defined:
            return found
        return self.put_in(self._wanted[found], "")


def _full_name(name: str, namespace: str | None) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _json_schema(source: Any, referred: Mapping[str, Any]) -> Any:
    """The others become `$defs`, and every `$ref` to one of them leads there."""
    if not isinstance(source, Mapping):
        return source
    places = {name: f"#/$defs/{_pointer(name)}" for name in referred}
    own = _with_refs(source, places, "#")
    others = {name: _with_refs(_without_id(other), places, places[name]) for name, other in referred.items()}
    return {**own, "$defs": {**own.get("$defs", {}), **others}}


def _without_id(source: Any) -> Any:
    """A schema with an `$id` would be a document of its own, and its local refs lead elsewhere."""
    return {key: value for key, value in source.items() if key != "$id"} if isinstance(source, Mapping) else source


def _with_refs(source: Any, places: Mapping[str, str], root: str) -> Any:
    if isinstance(source, list):
        return [_with_refs(each, places, root) for each in source]
    if not isinstance(source, Mapping):
        return source
    return {
        key: _moved(value, places, root)
        if key == "$ref" and isinstance(value, str)
        else _with_refs(value, places, root)
        for key, value in source.items()
    }


def _moved(ref: str, places: Mapping[str, str], root: str) -> str:
    document, _, fragment = ref.partition("#")
    if not document:
        return f"{root}{fragment}"
    return f"{places[document]}{fragment}" if document in places else ref


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
