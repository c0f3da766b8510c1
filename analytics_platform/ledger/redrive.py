"""Which batches a redrive judges again, and which it leaves alone, and why. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from analytics_platform.facts import Pins

MOST_TRIES = 3
THE_REGISTRY = "the registry"  # who orders redrives of rows whose schema is published by now: these are no tries


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Batches to judge again; those that would come out the same, judged by today's versions already; those that were
    redriven so often that another time will not help.
    """

    batches: tuple[int, ...]
    unchanged: tuple[int, ...]
    given_up: tuple[int, ...]


def plan_redrive(
    numbers: Collection[int],
    judged_by: Mapping[int, tuple[int, str]],
    today: Pins,
    tries: Mapping[int, int],
    most_tries: int = MOST_TRIES,
) -> Plan:
    """What a redrive of these batches does.

    Args:
        numbers: of batches that hold rows which are asked for.
        judged_by: by batch, reader schema and contract of its last judgement.
        today: what would be judged by.
        tries: by batch, how often it was redriven.
        most_tries: how often that may be.
    """
    now = (today.reader_schema_id, today.contract_digest)
    unchanged = tuple(sorted(n for n in numbers if judged_by.get(n) == now))
    left = sorted(set(numbers) - set(unchanged))
    return Plan(
        batches=tuple(n for n in left if tries.get(n, 0) < most_tries),
        unchanged=unchanged,
        given_up=tuple(n for n in left if tries.get(n, 0) >= most_tries),
    )
