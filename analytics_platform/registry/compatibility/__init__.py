"""Whether a new version of a schema may follow the old ones, and if not, why. Pure.

"Compatible" is only said where it is proved: what no rule understands is a break. Verdicts are kept by content.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from analytics_platform.product import Compatibility
from analytics_platform.registry.compatibility.findings import (
    ROOT_PATH,
    Break,
    BreakKind,
    Reference,
    SchemaText,
    Victim,
)
from analytics_platform.registry.compatibility.normal_form import fingerprint, format_named, normalize, require_valid

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

    Raises InvalidSchemaError for a text that is no schema.
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
    """What hurts these readers; nothing does where both schemas say the same."""
    if fingerprint(new) == fingerprint(old):
        return ()
    remedy = "make no change yet: rules for single changes are not here, and what is not judged is refused"
    undecided = Break(
        kind=BreakKind.UNDECIDED,
        path=ROOT_PATH,
        before=fingerprint(old)[:12],
        after=fingerprint(new)[:12],
        hurts=hurts,
        remedy=remedy,
    )
    return (undecided,)
