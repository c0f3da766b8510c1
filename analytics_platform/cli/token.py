"""`ap token issue|list|revoke`: the tokens by which people are known to `ap` and the service."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from analytics_platform.asking import given_token
from analytics_platform.cli.asking import ask, by
from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.cli.registrar import registrar
from analytics_platform.errors import DeclarationError
from analytics_platform.governance.identity import people_of_roles, person_named, roles_of_person
from analytics_platform.governance.policy import Policy
from analytics_platform.governance.policy_file import NAME
from analytics_platform.pipeline.governance.desk import policy_of
from analytics_platform.security import token_store
from analytics_platform.security.roles import Action, Role
from analytics_platform.security.token import RANDOM_BYTES, Token, digest_of, id_in, token_text
from analytics_platform.settings import read_settings

MOST_DAYS = 366
ROLES = [str(role) for role in Role]


@click.group()
def command() -> None:
    """Tokens by which people are known: hashed, ending, revocable."""


@command.command(epilog="Example: ap token issue ana --days 30 --into ~/.ap-token")
@click.argument("name")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=90, show_default=True, help="How long it is good.")
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, help="What it is good for; may be repeated.")
@click.option("--into", type=click.Path(dir_okay=False, path_type=Path), help="A new file for it, for its owner only.")
@by
@as_json
def issue(name: str, days: int, roles: tuple[str, ...], into: Path | None, by: str, as_json: bool) -> None:
    """Make a token for NAME, a person of governance.yaml, and say it this once: only its hash is kept.

    Its roles are those that governance.yaml gives the person, or fewer; who has none there is a viewer.
    """
    settings, now = read_settings(), datetime.now(UTC)
    policy = policy_of(settings.schema_dir)
    holder, given = _holder(policy, name), _given(policy, name, roles)
    text = token_text(secrets.token_bytes(RANDOM_BYTES))
    token = Token(
        id=id_in(text),
        holder=holder,
        sha256=digest_of(text),
        issued_by=ask(Action.GIVE_ACCESS, f"token {id_in(text)} of {name}", by, roles=sorted(given), days=days),
        issued_at=now,
        expires_at=now + timedelta(days=days),
        roles=given,
    )
    if into:
        _write(into, text)
    with registrar(settings) as registry:
        token_store.issue(registry.connection, token)
    if as_json:
        say_json({**_row(token, now), "into": into} if into else {**_row(token, now), "token": text})
    else:
        click.echo(f"token {token.id} of {name}, until {token.expires_at:%Y-%m-%d}" if into else text)


@command.command("list", epilog="Example: ap token list --all")
@click.option("--all", "all_", is_flag=True, help="Those that are over, too.")
@as_json
def list_tokens(all_: bool, as_json: bool) -> None:
    """Every token that is good: whose, who made it, until when. Nobody can be shown the token itself."""
    now = datetime.now(UTC)
    with registrar(read_settings()) as registry:
        found = [token for token in token_store.every(registry.connection) if all_ or token.is_good(now)]
    rows = [_row(token, now) for token in found]
    if as_json:
        say_json(rows)
    else:
        say_table(rows, ["id", "holder", "roles", "state", "issued_by", "issued_at", "expires_at", "revoked_by"])


@command.command(epilog="Example: ap token revoke 3f9a2c1b77e0")
@click.argument("id_", metavar="ID")
@by
@as_json
def revoke(id_: str, by: str, as_json: bool) -> None:
    """End the token of that ID, from the next request on; everybody may end their own.

    A token whose holder is not known says its id after `ap_`.
    """
    is_own = given_token(read_settings()).startswith(f"ap_{id_}_")
    by = ask(Action.END_OWN_TOKEN if is_own else Action.GIVE_ACCESS, f"token {id_}"[:40], by, revoked=True)
    with registrar(read_settings()) as registry:
        if not token_store.revoke(registry.connection, id_, by, datetime.now(UTC)):
            problem = "was revoked before" if token_store.find(registry.connection, id_) else "is no token"
            raise DeclarationError(f"token {id_}"[:40], problem, "`ap token list` names those that are good")
    if as_json:
        say_json({"id": id_, "state": "revoked"})
    else:
        click.echo(f"token {id_} is revoked")


def _row(token: Token, now: datetime) -> dict[str, Any]:
    state = "good" if token.is_good(now) else "revoked" if token.revoked_at else "expired"
    said = {name: value for name, value in asdict(token).items() if name != "sha256"}
    return {**said, "roles": ", ".join(sorted(token.roles)), "state": state}


def _holder(policy: Policy, name: str) -> str:
    """The name, if it is one of the policy's; under a policy that names nobody, any that could be."""
    if policy.people:
        return person_named(policy, name).name
    if not NAME.fullmatch(name):
        raise DeclarationError(name[:40], "is no name", "use lower case letters, digits, and . _ - inside")
    return name


def _given(policy: Policy, name: str, wanted: Sequence[str]) -> frozenset[Role]:
    """The roles that were asked for, unless the policy keeps one for others; if none were, those it gives."""
    roles, people = frozenset(map(Role, wanted)), people_of_roles(policy)
    for role in sorted(roles):
        if name not in people.get(role, {name}):
            whose = ", ".join(sorted(people[role])) or "nobody"
            problem = f"governance.yaml says that {role} is {whose}"
            raise DeclarationError(name, problem, f"add {name} there under `roles:`, or leave --role {role} out")
    return roles or roles_of_person(policy, name)


def _write(place: Path, text: str) -> None:
    """Make the file, readable by its owner only; one that is there stays as it is."""
    try:
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text + "\n")
    except OSError as error:
        raise DeclarationError(str(place), f"cannot be made ({type(error).__name__})", "name a new file") from None
