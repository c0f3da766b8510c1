"""`ap schema propose|review|approve|publish|history`: a change, its evidence, the votes, and what became of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from analytics_platform.cli.draft_file import draft_in
from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.cli.registrar import registrar
from analytics_platform.errors import DeclarationError, UnknownPersonError
from analytics_platform.governance.policy import Person
from analytics_platform.governance.store import LedgerFacts
from analytics_platform.pipeline.admission import damage_of
from analytics_platform.pipeline.governance.acts import approve as vote
from analytics_platform.pipeline.governance.acts import break_glass as broken_glass
from analytics_platform.pipeline.governance.acts import open_proposal, stage_of
from analytics_platform.pipeline.governance.acts import review as reviewed
from analytics_platform.pipeline.governance.classify import change_of
from analytics_platform.pipeline.governance.desk import Case, Desk
from analytics_platform.pipeline.governance.examine import evidence_of
from analytics_platform.pipeline.governance.gate import in_words
from analytics_platform.pipeline.governance.opening import caller, desk_of, judge_for
from analytics_platform.products import catalog
from analytics_platform.registry.numbers import waiting
from analytics_platform.registry.publish import Registrar
from analytics_platform.registry.snapshot import Snapshot
from analytics_platform.registry.texts import Draft, Proposed
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
            case = _case(registry, desk, snapshot, subject, proposed)
            open_proposal(desk, case, proposed, caller(registry, settings.governance_token), why)
            return _case(registry, desk, snapshot, subject, proposed)

        _say(registry.decide(act), as_json)


@click.command(epilog="Example: ap schema review bids-value 2")
@click.argument("subject")
@click.argument("version", type=NUMBER)
@as_json
def review(subject: str, version: int, as_json: bool) -> None:
    """Put its evidence on a proposal, so that votes may be given: what changes, whom it breaks, what it touches."""
    settings = read_settings()
    with registrar(settings) as registry:
        draft = _draft(registry, subject, version)
        snapshot = registry.decide(lambda snapshot: snapshot)
        proposed = parsed(draft, snapshot.text_of)
        desk = desk_of(registry, catalog())
        evidence = evidence_of(settings, snapshot, subject, proposed, desk)

        def act(now: Snapshot) -> Case:
            desk = desk_of(registry, catalog())
            case = _case(registry, desk, now, subject, proposed)
            reviewed(desk, case, caller(registry, settings.governance_token), evidence)
            return _case(registry, desk, now, subject, proposed)

        _say(registry.decide(act), as_json)


@click.command(epilog="Example: ap schema approve bids-value 2")
@click.argument("subject")
@click.argument("version", type=NUMBER)
@click.option("--seat", default=None, help="The person whose seat was lent to you.")
@as_json
def approve(subject: str, version: int, seat: str | None, as_json: bool) -> None:
    """Vote for a reviewed proposal, as it is now. Who you are says AP_GOVERNANCE_TOKEN, else git's user.email."""
    settings = read_settings()
    with registrar(settings) as registry:
        draft = _draft(registry, subject, version)

        def act(snapshot: Snapshot) -> Case:
            desk, proposed = desk_of(registry, catalog()), parsed(draft, snapshot.text_of)
            who = _somebody(registry, settings.governance_token)
            vote(desk, _case(registry, desk, snapshot, subject, proposed), who, seat)
            return _case(registry, desk, snapshot, subject, proposed)

        _say(registry.decide(act), as_json)


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
        draft = _draft(registry, subject, version)
        who = caller(registry, settings.governance_token)
        if reason is not None:

            def act(snapshot: Snapshot) -> None:
                desk, proposed = desk_of(registry, catalog()), parsed(draft, snapshot.text_of)
                case = _case(registry, desk, snapshot, subject, proposed)
                person = _somebody(registry, settings.governance_token)
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


COMMANDS = (propose, review, approve, publish, history)


def _draft(registry: Registrar, subject: str, version: int) -> Draft:
    found = waiting(registry.folder, subject)
    if version in found:
        return found[version]
    known = ", ".join(map(str, found)) or "none"
    problem = f"has no version {version} that waits to be published (it has: {known})"
    raise DeclarationError(
        subject, problem, "`ap schema propose` writes one down, `ap schema list` shows the published"
    )


def _somebody(registry: Registrar, token: str) -> Person:
    person = caller(registry, token)
    if person is None:
        problem = "nobody in schemas/governance.yaml has git's user.email, or has it without a token"
        raise UnknownPersonError(problem, "set AP_GOVERNANCE_TOKEN, or add yourself under `people:`")
    return person


def _case(registry: Registrar, desk: Desk, snapshot: Snapshot, subject: str, proposed: Proposed) -> Case:
    policy, damage = desk.policy(), damage_of(catalog(), snapshot, subject, proposed)
    change = change_of(snapshot, subject, proposed, damage, policy.at_least)
    return desk.case(change, registry.number_for(subject, proposed), policy)


def _say(case: Case, as_json: bool) -> None:
    change, standing = case.proposal.change, case.standing
    evidence: dict[str, Any] = dict(case.file.evidence) if case.file and case.is_reviewed else {}
    about: dict[str, Any] = {
        "subject": change.subject,
        "version": case.number,
        "stage": str(stage_of(case)),
        "changes": sorted(change.classes),
        "change": change.digest,
        "refused": sorted(standing.refused),
        "missing": in_words(standing.missing),
        "votes": [{"seat": vote.seat, "by": vote.by, "at": vote.at} for vote in standing.counted],
        "proposal": f"schemas/{case.place.base}",
        "evidence": evidence,
    }
    if as_json:
        say_json(about)
        return
    click.echo(f"{case.name} is {about['stage']}: {', '.join(about['changes'])}; {about['proposal']}")
    for name in ("differences", "breaks", "columns", "consumers"):
        for line in evidence.get(name, ()):
            click.echo(f"  {name}: {line}")
    for name, value in dict(evidence.get("backtest", {})).items():
        click.echo(f"  backtest: {name}: {value}")
    for name in ("refused", "missing"):
        if about[name]:
            click.echo(f"  {name}: {', '.join(about[name])}")
