"""`ap schema sync`: git and the registry know the same versions, under the same ids."""

import re
import sys
from collections.abc import Sequence
from typing import Any

import click

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.cli.registrar import registrar
from analytics_platform.governance.record import NoFacts
from analytics_platform.governance.store import LedgerFacts
from analytics_platform.pipeline.governance.merging import unapproved
from analytics_platform.pipeline.governance.opening import judge_for
from analytics_platform.postgres import connect
from analytics_platform.products import catalog
from analytics_platform.registry.gate import gate
from analytics_platform.registry.sync import Synced, sync, unsynced
from analytics_platform.settings import Settings, read_settings

NAMED_ID = re.compile(r"(?P<subject>.+)/(?P<version>\d{1,9})=(?P<id>\d{1,10})")


class NamedId(click.ParamType):
    """SUBJECT/VERSION=ID."""

    name = "subject/version=id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The subject, the version and the id."""
        found = NAMED_ID.fullmatch(str(value))
        if found is None:
            self.fail("write it as reviews-value/1=70", param, ctx)
        return (found["subject"], int(found["version"])), int(found["id"])


@click.command("sync", epilog="Example: ap schema sync && git commit schemas")
@click.option(
    "--check", is_flag=True, help="Change nothing; exit code 1 if there is something to do, or edited by hand."
)
@click.option("--against", default=None, help="With --check: a commit whose ids must still be there, as origin/main.")
@click.option(
    "--offline", is_flag=True, help="With --check: ask no database; votes of people with tokens do not count."
)
@click.option("--id", "ids", type=NamedId(), multiple=True, help="An id that data is written in already.")
@as_json
def sync_command(check: bool, against: str | None, offline: bool, ids: Sequence[Any], as_json: bool) -> None:
    """Give published schemas their ids, write schemas/ids.lock, and write down what only the registry knows.

    Ids are given once, by the registry's Postgres. Nothing is committed: review what changed, then commit it. With
    --check --against, versions that got an id since that commit must also have what the policy asks for.
    """
    if offline and not check:
        raise click.UsageError("--offline goes with --check: ids are given by a database")
    settings = read_settings()
    if check:
        _say_problems(_offline(settings, against) if offline else _with_ledger(settings, against), as_json)
        return
    with registrar(settings) as registry:
        judge = judge_for(registry, catalog(), opens=False)
        found = sync(registry.connection, settings.schema_dir, judge, dict(ids))
    if as_json:
        say_json({"allotted": [_about(entry) for entry in found.allotted], "written": sorted(found.restored)})
        return
    for line in _lines(found) or ["git and the registry know the same"]:
        click.echo(line)


def _offline(settings: Settings, against: str | None) -> list[str]:
    problems = gate(settings.schema_dir, against)
    if problems or not against:
        return problems
    return unapproved(settings.schema_dir, against, NoFacts(), catalog())


def _with_ledger(settings: Settings, against: str | None) -> list[str]:
    problems = gate(settings.schema_dir, against)
    if problems:
        return problems
    with connect(settings.ledger_dsn, application="ap schema") as connection:
        found = unsynced(connection, settings.schema_dir)
        facts = LedgerFacts(connection)
        return [*found, *(unapproved(settings.schema_dir, against, facts, catalog()) if against else [])]


def _say_problems(problems: list[str], as_json: bool) -> None:
    if as_json:
        say_json({"problems": problems})
    else:
        for line in problems or ["git and the registry know the same"]:
            click.echo(line)
    if problems:
        sys.exit(1)


def _about(entry: Any) -> dict[str, Any]:
    return {"subject": entry.subject, "version": entry.version, "id": entry.id, "path": entry.path}


def _lines(found: Synced) -> list[str]:
    given = [f"{entry.path} is {entry.subject} version {entry.version}, id {entry.id}" for entry in found.allotted]
    return given + [f"schemas/{path} is written from what the registry knows" for path in sorted(found.restored)]
