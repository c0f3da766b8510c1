"""`ap demo`: produce, publish, compare."""

import sys
from typing import Any

import click

from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.local.demo import DemoOptions, run_demo

SHARE = click.FloatRange(0, 1)


@click.command(epilog="Example: ap demo --events 1000000 --late 0.01 --duplicates 0.01 --malformed 0.001 --json")
@click.option("--events", type=click.IntRange(1), default=200_000, show_default=True, help="How many to produce.")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides everything that is random.")
@click.option("--late", type=SHARE, default=0.01, show_default=True, help="Share that is late.")
@click.option("--out-of-order", type=SHARE, default=0.01, show_default=True, help="Share that comes out of order.")
@click.option("--duplicates", type=SHARE, default=0.01, show_default=True, help="Share that comes twice.")
@click.option("--conflicts", type=SHARE, default=0.001, show_default=True, help="Share that comes again, changed.")
@click.option("--malformed", type=SHARE, default=0.001, show_default=True, help="Share that cannot be read.")
@click.option("--keep", is_flag=True, help="Keep the folder it ran in.")
@as_json
def command(as_json: bool, **given: Any) -> None:
    """The machinery of `ap up`, bounded: produce, publish, compare with an oracle; in a folder of its own.

    Exit code 1 if it is not reconciled or a model differs from the oracle.
    """
    found = run_demo(DemoOptions(**given), lambda sentence: click.echo(sentence, err=True))
    if as_json:
        say_json(found)
    else:
        _say(found)
    matches = all(model["matches_oracle"] is not False for model in found["models"].values())
    sys.exit(0 if found["reconciled"] and matches else 1)


def _say(found: dict[str, Any]) -> None:
    streams = [{"stream": name, **counts} for name, counts in found["streams"].items()]
    say_table(streams, list(streams[0]))
    click.echo()
    say_table(
        [{"model": name, **facts} for name, facts in found["models"].items()], ["model", "rows", "matches_oracle"]
    )
    click.echo()
    rest = {name: value for name, value in found.items() if name not in ("streams", "models")}
    width = max(map(len, rest))
    for name, value in rest.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        click.echo(f"{name:<{width}}  {text}")
