"""How commands say things: one JSON document with --json, else lines for people."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")


def say_json(document: Any) -> None:
    """Print a document; what JSON does not know is written as text."""
    click.echo(json.dumps(document, indent=2, default=str, ensure_ascii=False))


def say_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows in columns as wide as they need to be."""
    cells = [[str(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in [list(columns), *cells]) for i in range(len(columns))]
    for line in [list(columns), *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
