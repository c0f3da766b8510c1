"""The normal form of an Avro schema: full names, nothing said twice; documentation and attributes stay. Pure."""

from collections.abc import Mapping
from typing import Any

from analytics_platform.registry.compatibility.avro_schema import PRIMITIVES

NAMED = ("record", "error", "enum", "fixed")
ASCENDING = "ascending"  # how a field is sorted when nothing is said


def avro_normal(source: Any, namespace: str = "") -> Any:
    """The normal form of parsed JSON that is known to be an Avro schema."""
    if isinstance(source, list):
        return [avro_normal(branch, namespace) for branch in source]
    if isinstance(source, str):
        return source if source in PRIMITIVES else _full(source, namespace)
    kind = source["type"]
    if not isinstance(kind, str):
        return _unwrapped({**source, "type": avro_normal(kind, namespace)})
    if kind in NAMED:
        return _definition(source, namespace)
    inner = {"array": "items", "map": "values"}.get(kind)
    if inner:
        return {**source, inner: avro_normal(source[inner], namespace)}
    return _unwrapped({**source, "type": avro_normal(kind, namespace)})


def _unwrapped(source: Mapping[str, Any]) -> Any:
    """`{"type": X}` is X."""
    return source["type"] if len(source) == 1 else source


def _definition(source: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    full = _full(source["name"], source.get("namespace", namespace))
    scope = full.rpartition(".")[0]
    found = {name: value for name, value in source.items() if name != "namespace"} | {"name": full}
    if source.get("aliases"):
        found["aliases"] = sorted({_full(alias, scope) for alias in source["aliases"]})
    else:
        found.pop("aliases", None)
    if "fields" in source:
        found["fields"] = [_field(field, scope) for field in source["fields"]]
    return found


def _field(source: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    found = {**source, "type": avro_normal(source["type"], namespace)}
    if not found.get("aliases"):
        found.pop("aliases", None)
    if found.get("order") == ASCENDING:
        del found["order"]
    return found


def _full(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"
