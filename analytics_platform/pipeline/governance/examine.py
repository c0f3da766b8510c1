"""Gathering all the evidence on a proposal, from the registry, the declarations and the tables. Writes nothing."""

from typing import Any

from analytics_platform.governance.consumers import concerned
from analytics_platform.pipeline.admission import as_if_published, damage_of, stream_of
from analytics_platform.pipeline.governance.backtest import backtest
from analytics_platform.pipeline.governance.classify import change_of, differences
from analytics_platform.pipeline.governance.desk import Desk
from analytics_platform.pipeline.governance.evidence import Evidence, broken, changed_columns, touched
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
    found = differences(snapshot, subject, proposed)
    changed = changed_columns(found)
    below = touched(declared, snapshot, subject, changed)
    return Evidence(
        changes=tuple(sorted(map(str, change.classes))),
        differences=tuple(map(str, found)),
        breaks=tuple(broken(snapshot, change, proposed, damage, policy.at_least)),
        models=below.models,
        columns=below.columns,
        consumers=tuple(concerned(desk.consumers(), subject, changed, below.columns)),
        backtest=tried_on_bronze(settings, declared, snapshot, subject, proposed),
    )


def tried_on_bronze(
    settings: Settings, declared: Catalog, snapshot: Snapshot, subject: str, proposed: Proposed
) -> dict[str, Any]:
    """What the proposal does to the rows that the subject's stream has in bronze; nothing where there are none."""
    stream = stream_of(declared, subject)
    now = schemas_in(snapshot, stream.name) if stream else None
    if stream is None or now is None:
        return {}
    found = backtest(settings.table_dir, stream, now, as_if_published(snapshot, stream.name, proposed), MOST_EVENTS)
    return found.document(stream.topic) if found else {}
