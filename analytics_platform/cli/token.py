"""`ap token issue|list|revoke`: the tokens by which people are known to `ap` and the service."""

import getpass
import os
import secrets
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.cli.registrar import registrar
from analytics_platform.errors import DeclarationError
from analytics_platform.governance.identity import person_named
from analytics_platform.pipeline.governance.desk import policy_of
from analytics_platform.security import token_store
from analytics_platform.security.token import RANDOM_BYTES, Token, digest_of, id_in, token_text
from analytics_platform.settings import read_settings

MOST_DAYS = 366
by = click.option("--by", default=getpass.getuser, show_default="you", help="Who says so.")


@click.group()
def command() -> None:
    """Tokens by which people are known: hashed, ending, revocable."""


@command.command(epilog="Example: ap token issue ana --days 30 --into ~/.ap-token")
@click.argument("name")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=90, show_default=True, help="How long it is good.")
@click.option("--into", type=click.Path(dir_okay=False, path_type=Path), help="A new file for it, for its owner only.")
@by
@as_json
def issue(name: str, days: int, into: Path | None, by: str, as_json: bool) -> None:
    """Make a token for NAME, a person of governance.yaml, and say it this once: only its hash is kept."""
    settings, now = read_settings(), datetime.now(UTC)
    text = token_text(secrets.token_bytes(RANDOM_BYTES))
    token = Token(
        id=id_in(text),
        holder=person_named(policy_of(settings.schema_dir), name).name,
        sha256=digest_of(text),
        issued_by=by,
        issued_at=now,
        expires_at=now + timedelta(days=days),
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
        say_table(rows, ["id", "holder", "state", "issued_by", "issued_at", "expires_at", "revoked_by"])


@command.command(epilog="Example: ap token revoke 3f9a2c1b77e0")
@click.argument("id_", metavar="ID")
@by
@as_json
def revoke(id_: str, by: str, as_json: bool) -> None:
    """End the token of that ID, from the next request on. A token whose holder is not known says its id after `ap_`."""
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
    return {**said, "state": state}


def _write(place: Path, text: str) -> None:
    """Make the file, readable by its owner only; one that is there stays as it is."""
    try:
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text + "\n")
    except OSError as error:
        raise DeclarationError(str(place), f"cannot be made ({type(error).__name__})", "name a new file") from None
