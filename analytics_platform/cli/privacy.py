"""`ap privacy erase|audit|rotate`: making a person's data unreadable for good, and whether anything is in the clear."""

import getpass
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
import pyarrow as pa

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.errors import DeclarationError
from analytics_platform.lake.personal import in_the_clear_sql
from analytics_platform.postgres import connect, migrate
from analytics_platform.product import Stream
from analytics_platform.product.privacy import Treatment
from analytics_platform.products import catalog
from analytics_platform.published import QueryError, sql
from analytics_platform.registry.privacy_file import pipeline_with_privacy
from analytics_platform.security.privacy.erasures import Erasure
from analytics_platform.security.privacy.erasures import erase as erased
from analytics_platform.security.privacy.key_files import KeyFiles
from analytics_platform.security.privacy.tokens import subject_ids
from analytics_platform.settings import Settings, read_settings

PERSON = re.compile(r"(?P<kind>[a-z][a-z0-9_-]*):(?P<value>.+)")


@click.group()
def command() -> None:
    """Personal data: erasing a person for good, looking for what is in the clear, changing the wrapping key."""


@command.command(epilog='Example: ap privacy erase person:1007 --reason "request 4711"')
@click.argument("person", metavar="TAG:VALUE")
@click.option("--reason", required=True, help="Why; it is a fact.")
@click.option("--by", default=getpass.getuser, show_default="you", help="Who says so.")
@as_json
def erase(person: str, reason: str, by: str, as_json: bool) -> None:
    """Destroy the key of a person: what is encrypted for them is never read again, wherever a copy of it lies.

    They get no key again, so that what comes later about them is kept as tokens. Rows stay, with what became of them.
    TAG is that of the field which `subject:` names, VALUE what it holds; the value itself is written down nowhere.
    """
    match = PERSON.fullmatch(person)
    if match is None:
        remedy = "say the tag of the subject's field and its value: person:1007"
        raise DeclarationError(repr(person), "names nobody", remedy)
    settings = read_settings()
    keys = KeyFiles(settings.key_dir)
    subject = subject_ids(keys.environment(), match["kind"], pa.array([match["value"]]))[0].as_py()
    with connect(settings.ledger_dsn, application="ap privacy") as connection:
        migrate(connection)
        had = erased(connection, keys, Erasure(subject=subject, kind=match["kind"], erased_by=by, reason=reason))
    if as_json:
        say_json({"subject": subject, "had_a_key": had})
    else:
        click.echo(f"{subject} is erased" if had else f"{subject} had no key, and gets none")


@command.command(epilog="Example: ap privacy audit")
@as_json
def audit(as_json: bool) -> None:
    """Search what is published for values that should be protected and are not. Exit code 1 if there are any.

    In silver, every value of a treated field that has not the form of its treatment; in bronze and exceptions, bytes
    that look like an e-mail address.
    """
    settings = read_settings()
    protected = _protected(settings)
    found = [row for stream in protected for row in _in_the_clear(stream, settings)]
    if as_json:
        say_json(found)
    else:
        _say(protected, found)
    sys.exit(1 if found else 0)


@command.command(epilog="Example: ap privacy rotate")
@as_json
def rotate(as_json: bool) -> None:
    """Put all keys under a new wrapping key and destroy the old one; no table is written."""
    number = KeyFiles(read_settings().key_dir).rotate()
    if as_json:
        say_json({"wrapping": number})
    else:
        click.echo(f"all keys are under wrapping key {number}")


def _say(protected: Sequence[Stream], found: Sequence[Mapping[str, Any]]) -> None:
    for row in found:
        click.echo(f"{row['table']}: {row['rows']} rows of batches {row['first']} to {row['last']}: {row['what']}")
    if not protected:
        click.echo("nothing is protected here: schemas/privacy.yaml says what is to be")
    elif not found:
        click.echo(f"nothing that is protected is in the clear, of {', '.join(stream.name for stream in protected)}")


def _protected(settings: Settings) -> list[Stream]:
    """The declared streams of which something is protected."""
    pipelines = (pipeline_with_privacy(pipeline, settings.schema_dir) for pipeline in catalog().pipelines.values())
    return [stream for pipeline in pipelines for stream in pipeline.streams if stream.privacy]


def _in_the_clear(stream: Stream, settings: Settings) -> Iterator[dict[str, Any]]:
    for table, what, query in in_the_clear_sql(stream.name, _treated(stream)):
        try:
            (row,) = sql(settings, catalog(), query).to_pylist()
        except QueryError as error:
            if not error.known:  # nothing is published yet
                return
            raise
        if row["rows"]:
            yield {"table": table, "what": what, **row}


def _treated(stream: Stream) -> dict[str, Treatment]:
    """By field that `subject.yaml` tags, what becomes of it; none that stays."""
    if stream.privacy is None:
        return {}
    treatments = {name: stream.privacy.treatments.get(tag) for name, tag in stream.privacy.tags.items()}
    return {name: found for name, found in treatments.items() if found not in (None, Treatment.KEEP)}
