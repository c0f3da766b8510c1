"""Gathering all the evidence on a proposal, from the registry, the declarations and the tables. Writes nothing."""

from typing import Any

from analytics_platform.governance.consumers import Consumer, concerned
from analytics_platform.pipeline.admission import as_if_published, damage_of
from analytics_platform.pipeline.governance.backtest import backtest
from analytics_platform.pipeline.governance.classify import change_of, differences
from analytics_platform.pipeline.governance.desk import Desk
from analytics_platform.pipeline.governance.evidence import Evidence, broken, column_of, described, touched
from analytics_platform.product import Catalog
from analytics_platform.registry.snapshot import Snapshot
from analytics_platform.registry.store import schemas_in
from analytics_platform.registry.texts import Proposed
from analytics_platform.settings import Settings

MOST_EVENTS = 2_000_000  # the newest ones: some ten seconds


def evidence_of(settings: Settings, snapshot: Snapshot, subject: str, proposed: Proposed, desk: Desk) -> Evidence:
    """Everything that there is to know of a change before anybody agrees to it."""
    declared, policy = desk.declared, desk.policy()
    damage = damage_of(declared, snapshot, subject, proposed)
    change = change_of(snapshot, subject, proposed, damage, policy.at_least)
    below = touched(declared, snapshot, subject, proposed)
    return Evidence(
        changes=tuple(sorted(map(str, change.classes))),
        differences=tuple(described(snapshot, subject, proposed)),
        breaks=tuple(broken(snapshot, change, proposed, damage, policy.at_least)),
        models=below.models,
        columns=below.columns,
        consumers=tuple(str(each) for each in consumers_touched(desk, snapshot, subject, proposed)),
        backtest=tried_on_bronze(settings, declared, snapshot, subject, proposed),
    )


def consumers_touched(desk: Desk, snapshot: Snapshot, subject: str, proposed: Proposed) -> list[Consumer]:
    """The registered consumers of what changes: of the subject, its stream, or what of a model comes from it."""
    changed = {column_of(each.path) for each in differences(snapshot, subject, proposed) if each.what != "added"}
    below = touched(desk.declared, snapshot, subject, proposed)
    return concerned(desk.consumers(), subject, changed, below.columns)


def tried_on_bronze(
    settings: Settings, declared: Catalog, snapshot: Snapshot, subject: str, proposed: Proposed
) -> dict[str, Any]:
    """What the proposal does to the rows that the subject's stream has in bronze; nothing where there are none."""
    stream = declared.streams.get(subject.removesuffix("-value"))
    now = schemas_in(snapshot, stream.name) if stream and subject.endswith("-value") else None
    if stream is None or now is None:
        return {}
    found = backtest(settings.table_dir, stream, now, as_if_published(snapshot, stream.name, proposed), MOST_EVENTS)
    return found.document(stream.topic) if found else {}
