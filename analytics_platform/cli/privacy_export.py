"""`ap privacy export`: what is held of a person, and where."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import click

from analytics_platform.clear import encrypted_fields
from analytics_platform.cli.asking import ask
from analytics_platform.cli.output import as_json, say_json
from analytics_platform.cli.person import Person, person, person_of, sought
from analytics_platform.lake.personal import LAYERS, Sought, held_sql, records_sql
from analytics_platform.products import catalog
from analytics_platform.published import cut, sql
from analytics_platform.rights import Tags, personal_columns, tags_of
from analytics_platform.security.privacy.key_files import KeyFiles
from analytics_platform.security.privacy.keys import KeyProvider
from analytics_platform.security.privacy.reveal import revealed
from analytics_platform.security.roles import Action
from analytics_platform.settings import Settings, read_settings

COLUMNS = "select table_schema, table_name, column_name from information_schema.columns"


@click.command(epilog="Example: ap privacy export person:1007 --purpose 'request 4712' --json")
@person
@click.option("--purpose", required=True, help="What for; it is a fact.")
@as_json
def export(person: str, purpose: str, as_json: bool) -> None:
    """All that tables hold of a person, by table: what is encrypted in the clear, what is a token or masked as it is.

    By bronze and exceptions how many records hold it, and in which batches. TAG is any tag of personal data: a person
    is found by an e-mail address too where that is tokenised, and by the subject's field whatever is encrypted.
    """
    settings = read_settings()
    keys = KeyFiles(settings.key_dir)
    who = person_of(person, keys)
    ask(Action.READ_CLEAR, str(who), purpose=purpose)
    found = _held(settings, who, keys)
    if as_json:
        say_json(found)
    else:
        _say(found)


def _held(settings: Settings, who: Person, keys: KeyProvider) -> dict[str, Any]:
    known = keys.of_subjects([who.subject], create=False)
    key = "none" if who.subject not in known else "erased" if known[who.subject] is None else "kept"
    looked_for, fields = sought(who, keys), encrypted_fields(settings, catalog())
    tables: dict[str, list[dict[str, Any]]] = {}
    for table, tags in _tagged(settings).items():
        named = {name for name, of_it in tags.items() if who.tag in of_it}
        query = held_sql(table, named, personal_columns(tags), looked_for)
        if rows := revealed(sql(settings, catalog(), query), fields, keys).to_pylist():
            tables[table] = rows
    return {"person": str(who), "key": key, "tables": tables, "records": dict(_records(settings, looked_for))}


def _tagged(settings: Settings) -> dict[str, Tags]:
    """The published tables with personal data: by table, the tags of its columns."""
    columns: dict[str, list[str]] = {}
    for row in sql(settings, catalog(), COLUMNS).to_pylist():
        if row["table_schema"] == "main":
            columns.setdefault(row["table_name"], []).append(row["column_name"])
    tags = tags_of(settings.schema_dir, catalog(), columns)
    return {table: of_it for table, of_it in tags.items() if personal_columns(of_it)}


def _records(settings: Settings, looked_for: Sought) -> Iterator[tuple[str, Mapping[str, Any]]]:
    public = cut(settings, catalog())
    for stream, layer in product(catalog().streams, LAYERS):
        if f"{stream}/{layer}" in public:
            (row,) = sql(settings, catalog(), records_sql(stream, layer, looked_for)).to_pylist()
            if row["rows"]:
                yield f"{stream}.{layer}", row


def _say(found: Mapping[str, Any]) -> None:
    click.echo(f"{found['person']}: key {found['key']}")
    for table, rows in found["tables"].items():
        click.echo(f"{table}: {len(rows)} rows")
        for row in rows:
            click.echo("  " + ", ".join(f"{name}={value}" for name, value in row.items() if value is not None))
    for table, row in found["records"].items():
        click.echo(f"{table}: {row['rows']} records of batches {row['first']} to {row['last']}")
    if not found["tables"] and not found["records"]:
        click.echo("nothing is held of them")
