"""A drafted stream as the files that declare it, with the reasons as comments. Pure."""

import textwrap
from datetime import datetime

from analytics_platform.facts import SchemaFormat
from analytics_platform.ingest.infer import Draft
from analytics_platform.product import EventTime, FromField, FromHeader, Identity, Rule, Stream

WIDTH = 120
SUFFIXES = {SchemaFormat.AVRO: ".avsc", SchemaFormat.JSON: ".json"}


def declaration_text(draft: Draft, at: datetime) -> str:
    """The Python file of a stream: formatted, and with a comment above what was inferred."""
    stream = draft.stream
    names = {"Encoding", "Stream", type(stream.identity).__name__, type(stream.event_time).__name__}
    imported = sorted(names | {"Rule"} if stream.rules else names)
    facts = f"Drafted from {draft.records:,} records on {at:%Y-%m-%d}: review each setting, and take the comments out."
    settings = [line for name, code in _settings(stream).items() for line in _setting(name, code, draft.why.get(name))]
    lines = [
        f'"""The stream {stream.name}, as its topic suggests. Pure."""',
        "",
        f"from analytics_platform.product import {', '.join(imported)}",
        "",
        *_comment(facts, ""),
        f"{stream.name.upper()} = Stream(",
        *settings,
        ")",
    ]
    return "\n".join(lines) + "\n"


def subject_text(stream: Stream) -> str:
    """The subject of a stream whose only version is a draft."""
    return f"owner: {stream.owner}\ncompatibility: {stream.compatibility.value}\nversions:\n  1: {{state: draft}}\n"


def _settings(stream: Stream) -> dict[str, str | None]:
    """By setting its code; None where the default is right, and a comment says why."""
    return {
        "name": _quoted(stream.name),
        "topic": _quoted(stream.topic),
        "pipeline": _quoted(stream.pipeline),
        "description": _quoted(stream.description),
        "owner": _quoted(stream.owner),
        "encoding": f"Encoding.{stream.encoding.name}",
        "identity": _source(stream.identity),
        "event_time": _source(stream.event_time),
        "key": _quoted(stream.key) if stream.key else None,
        "rules": _rules(stream.rules) if stream.rules else None,
        "partitions": str(stream.partitions),
    }


def _setting(name: str, code: str | None, why: str | None) -> list[str]:
    comment = _comment(why[:1].upper() + why[1:] + ".", "    ") if why else []
    return [*comment, f"    {name}={code},"] if code is not None else comment


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _source(source: Identity | EventTime) -> str:
    named = _quoted(source.name) if isinstance(source, FromField | FromHeader) else ""
    return f"{type(source).__name__}({named})"


def _rules(rules: tuple[Rule, ...]) -> str:
    codes = [f"Rule(name={_quoted(rule.name)}, holds={_quoted(rule.holds)})" for rule in rules]
    if len(codes) == 1:
        return f"({codes[0]},)"
    return "\n".join(["(", *(f"        {code}," for code in codes), "    )"])


def _quoted(text: str) -> str:
    """A Python literal as the formatter writes it: in double quotes, unless that takes more escapes."""
    plain = text.replace("\\", "\\\\").replace("\n", "\\n")
    if '"' in plain and "'" not in plain:
        return f"'{plain}'"
    return '"' + plain.replace('"', '\\"') + '"'
