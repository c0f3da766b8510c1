"""`ap schema approve|reject|withdraw`: votes on a reviewed proposal, and how far its decision is.

Who votes says their token, else git's user.email.
"""

from collections.abc import Callable
from typing import Any

import click

from analytics_platform.asking import given_token
from analytics_platform.cli.output import as_json, say_json
from analytics_platform.cli.registrar import registrar
from analytics_platform.errors import UnknownPersonError
from analytics_platform.governance.policy import Person
from analytics_platform.pipeline.governance import voting
from analytics_platform.pipeline.governance.desk import Case, Desk
from analytics_platform.pipeline.governance.opening import caller, desk_of
from analytics_platform.pipeline.governance.proposals import about, evidence_in, open_case
from analytics_platform.products import catalog
from analytics_platform.registry.publish import Registrar
from analytics_platform.registry.snapshot import Snapshot
from analytics_platform.settings import read_settings

NUMBER = click.IntRange(1)
Vote = Callable[[Desk, Case, Person], object]
seat = click.option("--seat", default=None, help="The person whose seat was lent to you.")
change = click.option("--change", default=None, help="The change that you mean, as `review` says it with --json.")


@click.command(epilog="Example: ap schema approve bids-value 2")
@click.argument("subject")
@click.argument("version", type=NUMBER)
@seat
@change
@as_json
def approve(subject: str, version: int, seat: str | None, change: str | None, as_json: bool) -> None:
    """Vote for a reviewed proposal, as it is now, or as it was when its --change was read."""
    _vote(subject, version, change, lambda desk, case, who: voting.approve(desk, case, who, seat), as_json)


@click.command(epilog="Example: ap schema reject bids-value 2 --why 'the unit is missing'")
@click.argument("subject")
@click.argument("version", type=NUMBER)
@click.option("--why", required=True, help="What everybody else who votes should know.")
@seat
@change
@as_json
def reject(subject: str, version: int, why: str, seat: str | None, change: str | None, as_json: bool) -> None:
    """Say no to a reviewed proposal. Your approval is gone; others may have their quorum without you."""
    _vote(subject, version, change, lambda desk, case, who: voting.reject(desk, case, who, why, seat), as_json)


@click.command(epilog="Example: ap schema withdraw bids-value 2")
@click.argument("subject")
@click.argument("version", type=NUMBER)
@seat
@as_json
def withdraw(subject: str, version: int, seat: str | None, as_json: bool) -> None:
    """Take back your vote on a proposal that is not published yet, for or against."""
    _vote(subject, version, None, lambda desk, case, who: voting.withdraw(desk, case, who, seat), as_json)


COMMANDS = (approve, reject, withdraw)


def _vote(subject: str, version: int, change: str | None, vote: Vote, as_json: bool) -> None:
    settings = read_settings()
    with registrar(settings) as registry:

        def act(snapshot: Snapshot) -> Case:
            desk, who = desk_of(registry, catalog()), somebody(registry, given_token(settings))
            case = open_case(registry, desk, snapshot, subject, version)
            voting.require_same(case, change)
            vote(desk, case, who)
            return open_case(registry, desk, snapshot, subject, version)

        say_case(registry.decide(act), as_json)


def somebody(registry: Registrar, token: str) -> Person:
    """Who asks; raises UnknownPersonError where that is nobody of the policy."""
    person = caller(registry, token)
    if person is None:
        problem = "nobody in schemas/governance.yaml has git's user.email, or is known by commits"
        raise UnknownPersonError(problem, "set AP_TOKEN or AP_TOKEN_FILE, or add yourself under `people:`")
    return person


def say_case(case: Case, as_json: bool) -> None:
    """How far the decision on a proposal is, with its evidence."""
    said: dict[str, Any] = about(case)
    evidence = evidence_in(case)
    if as_json:
        say_json({**said, "evidence": evidence})
        return
    click.echo(f"{case.name} is {said['stage']}: {', '.join(said['changes'])}; {said['proposal']}")
    for name in ("differences", "breaks", "columns", "consumers"):
        for line in evidence.get(name, ()):
            click.echo(f"  {name}: {line}")
    for name, value in dict(evidence.get("backtest", {})).items():
        click.echo(f"  backtest: {name}: {value}")
    for no in said["against"]:
        click.echo(f"  against: {no['by']}: {no['why']}")
    for name in ("refused", "missing"):
        if said[name]:
            click.echo(f"  {name}: {', '.join(said[name])}")
