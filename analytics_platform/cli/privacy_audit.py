"""`ap privacy audit`: whether anything that is to be protected is in the clear."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from analytics_platform.cli.asking import ask
from analytics_platform.cli.output import as_json, say_json
from analytics_platform.lake.personal import in_the_clear_sql
from analytics_platform.product import Stream
from analytics_platform.product.privacy import Treatment
from analytics_platform.products import catalog
from analytics_platform.published import QueryError, sql
from analytics_platform.registry.privacy import rules_of
from analytics_platform.registry.privacy_file import pipeline_with_privacy
from analytics_platform.registry.versions import read_versions
from analytics_platform.security.roles import Action
from analytics_platform.settings import Settings, read_settings


@click.command(epilog="Example: ap privacy audit")
@as_json
def audit(as_json: bool) -> None:
    """Search what is published for values that should be protected and are not. Exit code 1 if there are any.

    In silver, every value of a treated field that has not the form of its treatment; in bronze and exceptions, bytes
    that look like an e-mail address.
    """
    settings = read_settings()
    ask(Action.READ_TABLE, "how much is in the clear")
    protected = _protected(settings)
    found = [row for stream in protected for row in _in_the_clear(stream, settings)]
    if as_json:
        say_json(found)
    else:
        _say(protected, found)
    sys.exit(1 if found else 0)


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
    for table, what, query in in_the_clear_sql(stream.name, _treated(stream, settings)):
        try:
            (row,) = sql(settings, catalog(), query).to_pylist()
        except QueryError as error:
            if not error.known:  # nothing is published yet
                return
            raise
        if row["rows"]:
            yield {"table": table, "what": what, **row}


def _treated(stream: Stream, settings: Settings) -> dict[str, Treatment]:
    """By field of silver what becomes of it; none that stays."""
    assert stream.privacy is not None, "only protected streams are looked at"
    newest = read_versions(settings.schema_dir, stream.name).published[-1]
    rules = rules_of(newest.schema, stream.privacy)
    return {rule.name: rule.treatment for rule in rules.fields}
