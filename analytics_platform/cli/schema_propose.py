"""`ap schema propose|review|publish|history`: a change, its evidence, and what became of it."""

from datetime import timedelta
from pathlib import Path

import click

from analytics_platform.asking import given_token
from analytics_platform.cli.draft_file import draft_in
from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.cli.registrar import registrar
from analytics_platform.cli.schema_vote import say_case, somebody
from analytics_platform.governance.store import LedgerFacts
from analytics_platform.pipeline.governance.acts import break_glass as broken_glass
from analytics_platform.pipeline.governance.acts import open_proposal
from analytics_platform.pipeline.governance.acts import review as reviewed
from analytics_platform.pipeline.governance.desk import Case
from analytics_platform.pipeline.governance.examine import evidence_of
from analytics_platform.pipeline.governance.opening import caller, desk_of, judge_for
from analytics_platform.pipeline.governance.proposals import case_of, draft_of
from analytics_platform.products import catalog
from analytics_platform.registry.snapshot import Snapshot
from analytics_platform.registry.texts import propose as parsed
from analytics_platform.settings import read_settings

NUMBER = click.IntRange(1)


@click.command(epilog="Example: ap schema propose bids-value new-bids.avsc --why 'couriers ask for it'")
@click.argument("subject")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--why", default="", help="What it is for.")
@as_json
def propose(subject: str, file: Path, why: str, as_json: bool) -> None:
    """Write FILE down as a draft of SUBJECT's next version, with a proposal beside it; nothing is published."""
    draft = draft_in(file, subject)
    settings = read_settings()
    with registrar(settings) as registry:

        def act(snapshot: Snapshot) -> Case:
            desk, proposed = desk_of(registry, catalog()), parsed(draft, snapshot.text_of, str(file))
            case = case_of(registry, desk, snapshot, subject, proposed)
            open_proposal(desk, case, proposed, caller(registry, given_token(settings)), why)
            return case_of(registry, desk, snapshot, subject, proposed)

        say_case(registry.decide(act), as_json)


@click.command(epilog="Example: ap schema review bids-value 2")
@click.argument("subject")
@click.argument("version", type=NUMBER)
@as_json
def review(subject: str, version: int, as_json: bool) -> None:
    """Put its evidence on a proposal, so that votes may be given: what changes, whom it breaks, what it touches."""
    settings = read_settings()
    with registrar(settings) as registry:
        draft = draft_of(registry.folder, subject, version)
        snapshot = registry.decide(lambda snapshot: snapshot)
        proposed = parsed(draft, snapshot.text_of)
        desk = desk_of(registry, catalog())
        evidence = evidence_of(settings, snapshot, subject, proposed, desk)

        def act(now: Snapshot) -> Case:
            desk = desk_of(registry, catalog())
            case = case_of(registry, desk, now, subject, proposed)
            reviewed(desk, case, caller(registry, given_token(settings)), evidence)
            return case_of(registry, desk, now, subject, proposed)

        say_case(registry.decide(act), as_json)


@click.command(epilog="Example: ap schema publish bids-value 2")
@click.argument("subject")
@click.argument("version", type=NUMBER)
@click.option("--break-glass", "reason", default=None, help="Publish without the votes, for this reason; it is told.")
@click.option("--hours", type=click.FloatRange(0, min_open=True), default=None, help="How long that is allowed.")
@as_json
def publish(subject: str, version: int, reason: str | None, hours: float | None, as_json: bool) -> None:
    """Publish a draft that has what the policy asks for. From here on it cannot be taken back."""
    settings = read_settings()
    with registrar(settings) as registry:
        draft = draft_of(registry.folder, subject, version)
        who = caller(registry, given_token(settings))
        if reason is not None:

            def act(snapshot: Snapshot) -> None:
                desk, proposed = desk_of(registry, catalog()), parsed(draft, snapshot.text_of)
                case = case_of(registry, desk, snapshot, subject, proposed)
                person = somebody(registry, given_token(settings))
                broken_glass(desk, case, person, reason, timedelta(hours=hours) if hours else None)

            registry.decide(act)
        found = registry.publish(draft, judge_for(registry, catalog(), who))
    if as_json:
        say_json({"subject": subject, "version": found.version, "id": found.text.id, "state": "published"})
    else:
        click.echo(f"{subject} version {found.version} is published with id {found.text.id}")


@click.command(epilog="Example: ap schema history bids-value")
@click.argument("subject")
@click.argument("version", type=NUMBER, required=False)
@as_json
def history(subject: str, version: int | None, as_json: bool) -> None:
    """Every step that was taken with SUBJECT's versions: by whom, and on what it rested; oldest first."""
    with registrar(read_settings()) as registry:
        facts = [fact for fact in LedgerFacts(registry.connection).of(subject) if version in (None, fact.version)]
    rows = [
        {
            "at": f"{fact.at:%Y-%m-%d %H:%M:%S}",
            "version": fact.version,
            "step": str(fact.step),
            "who": fact.who,
            "seat": fact.seat,
            "change": fact.digest[:12],
            "details": dict(fact.details),
        }
        for fact in facts
    ]
    if as_json:
        say_json(rows)
    else:
        say_table(rows, ["at", "version", "step", "who", "seat", "change"])


COMMANDS = (propose, review, publish, history)
