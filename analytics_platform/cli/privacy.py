"""`ap privacy`: erasing a person for good, and what is held of them; the wrapping key."""

import click

from analytics_platform.cli.asking import ask, by
from analytics_platform.cli.output import as_json, say_json
from analytics_platform.cli.person import person, person_of
from analytics_platform.cli.privacy_audit import audit
from analytics_platform.cli.privacy_export import export
from analytics_platform.cli.privacy_retention import retention
from analytics_platform.postgres import connect
from analytics_platform.security.privacy.erasures import Erasure
from analytics_platform.security.privacy.erasures import erase as erased
from analytics_platform.security.privacy.key_files import KeyFiles
from analytics_platform.security.roles import Action
from analytics_platform.settings import read_settings


@click.group()
def command() -> None:
    """Personal data: erasing a person for good, what is held of them, looking for what is in the clear."""


command.add_command(export)
command.add_command(audit)
command.add_command(retention)


@command.command(epilog='Example: ap privacy erase person:1007 --reason "request 4711"')
@person
@click.option("--reason", required=True, help="Why; it is a fact.")
@by
@as_json
def erase(person: str, reason: str, by: str, as_json: bool) -> None:
    """Destroy the key of a person: what is encrypted for them is never read again, wherever a copy of it lies.

    They get no key again, so that what comes later about them is kept as tokens. Rows stay, with what became of them.
    TAG is that of the field which `subject:` names, VALUE what it holds; the value itself is written down nowhere.
    """
    settings = read_settings()
    keys = KeyFiles(settings.key_dir)
    who = person_of(person, keys)
    name = ask(Action.ERASE, str(who), by, reason=reason)
    with connect(settings.ledger_dsn, application="ap privacy") as connection:
        had = erased(connection, keys, Erasure(subject=who.subject, kind=who.tag, erased_by=name, reason=reason))
    if as_json:
        say_json({"subject": who.subject, "had_a_key": had})
    else:
        click.echo(f"{who.subject} is erased" if had else f"{who.subject} had no key, and gets none")


@command.command(epilog="Example: ap privacy rotate")
@as_json
def rotate(as_json: bool) -> None:
    """Put all keys under a new wrapping key and destroy the old one; no table is written."""
    ask(Action.GIVE_ACCESS, "the wrapping key of personal data")
    number = KeyFiles(read_settings().key_dir).rotate()
    if as_json:
        say_json({"wrapping": number})
    else:
        click.echo(f"all keys are under wrapping key {number}")
