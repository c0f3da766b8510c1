"""Whether a new version of a schema may follow the old ones, and if not, why. Pure.

"Compatible" is only said where it is proved: what no rule understands is a break. Verdicts are kept by content.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from analytics_platform.errors import InvalidSchemaError
from analytics_platform.facts import SchemaFormat
from analytics_platform.product import Compatibility
from analytics_platform.registry.compatibility.avro_rules import unreadable
from analytics_platform.registry.compatibility.findings import (
    ROOT_PATH,
    Break,
    BreakKind,
    Finding,
    Reference,
    SchemaText,
    Victim,
)
from analytics_platform.registry.compatibility.json_rules import unprovable
from analytics_platform.registry.compatibility.normal_form import (
    fingerprint,
    format_named,
    normalize,
    parsed_avro,
    parsed_json,
    require_valid,
)
from analytics_platform.registry.compatibility.remedies import as_break
from analytics_platform.registry.compatibility.second_opinion import objection

__all__ = [
    "Break",
    "BreakKind",
    "Reference",
    "SchemaText",
    "Victim",
    "breaks",
    "fingerprint",
    "format_named",
    "normalize",
    "require_valid",
]

KEPT = 16_384  # verdicts on pairs
BACKWARD = (
    Compatibility.BACKWARD,
    Compatibility.BACKWARD_TRANSITIVE,
    Compatibility.FULL,
    Compatibility.FULL_TRANSITIVE,
)
FORWARD = (
    Compatibility.FORWARD,
    Compatibility.FORWARD_TRANSITIVE,
    Compatibility.FULL,
    Compatibility.FULL_TRANSITIVE,
)
TRANSITIVE = (Compatibility.BACKWARD_TRANSITIVE, Compatibility.FORWARD_TRANSITIVE, Compatibility.FULL_TRANSITIVE)


def breaks(new: SchemaText, old: Sequence[SchemaText], level: Compatibility) -> list[Break]:
    """Why the new schema must not follow the old ones at this level; empty if it may.

    Args:
        new: what is proposed.
        old: every earlier version that counts, oldest first. Levels that are not transitive look at the last only.
        level: what is promised to readers and writers.

    Raises InvalidSchemaError if the new text is no schema; an old one that is none is a break.
    """
    require_valid(new)
    first = 0 if level in TRANSITIVE else max(0, len(old) - 1)
    found = []
    for place in range(first, len(old)):
        found += [replace(each, against=place) for each in _between(new, old[place], level)]
    return found


def _between(new: SchemaText, old: SchemaText, level: Compatibility) -> tuple[Break, ...]:
    backward = _hurt(new, old, Victim.READERS_OF_OLD_DATA) if level in BACKWARD else ()
    forward = _hurt(new, old, Victim.OLD_READERS) if level in FORWARD else ()
    return backward + forward


@lru_cache(maxsize=KEPT)
def _hurt(new: SchemaText, old: SchemaText, hurts: Victim) -> tuple[Break, ...]:
    """What hurts these readers; nothing does where both are one text, or say the same in JSON Schema.

    In Avro saying the same is not enough: fastavro resolves whatever is not spelled alike, and may then read bytes with
    the branch of strings.
    """
    try:
        is_same = fingerprint(new) == fingerprint(old)
        if new == old or (is_same and new.format is SchemaFormat.JSON):
            return ()
    except InvalidSchemaError as error:  # of the old version: the new one was looked at before
        return (_unreadable(error, hurts),)
    writer, reader = (old, new) if hurts is Victim.READERS_OF_OLD_DATA else (new, old)
    return tuple(as_break(found, hurts) for found in _findings(writer, reader))


def _unreadable(error: InvalidSchemaError, hurts: Victim) -> Break:
    return Break(
        kind=BreakKind.UNDECIDED,
        path=error.path or ROOT_PATH,
        before=f"no schema: {error.problem}",
        after="a schema",
        hurts=hurts,
        remedy="nothing can be compared with that old version: delete it, or publish once at level NONE",
    )


def _findings(writer: SchemaText, reader: SchemaText) -> list[Finding]:
    """Why data of the writer cannot all be read with the reader: by our rules, else by the libraries'."""
    if writer.format is not reader.format:
        return [Finding(kind=BreakKind.FORMAT, path="", written=writer.format, read=reader.format)]
    if writer.format is SchemaFormat.AVRO:
        found = unreadable(parsed_avro(writer), parsed_avro(reader))
    else:
        found = unprovable(parsed_json(writer), parsed_json(reader))
    doubt = objection(writer, reader) if not found else None
    if doubt:
        return [Finding(kind=BreakKind.SECOND_OPINION, path="", written="every value", read=doubt)]
    return found
