"""The command line: noun, verb, `--json`. A command's file is imported only when it is asked for."""

import importlib
import sys

import click

from analytics_platform.errors import PlatformError

# noun or verb: (module, one line). Said here so that `ap --help` imports none of them.
COMMANDS = {
    "up": ("analytics_platform.cli.up", "Start everything on this machine; Ctrl-C stops it."),
    "down": ("analytics_platform.cli.down", "Stop what `ap up` started here."),
    "status": ("analytics_platform.cli.status", "How it is, worst first; exit code 0, 1 or 2."),
    "doctor": ("analytics_platform.cli.doctor", "What is wrong with this machine, and the fix."),
    "logs": ("analytics_platform.cli.logs", "What the processes said, by time, batch, run."),
    "demo": ("analytics_platform.cli.demo", "The same machinery, bounded, and compared with an oracle."),
    "sql": ("analytics_platform.cli.sql", "Ask the published tables."),
    "lineage": ("analytics_platform.cli.lineage", "Where a column's values come from, up to the topic."),
    "stream": ("analytics_platform.cli.stream", "The declared streams: list, pause, resume."),
    "alert": ("analytics_platform.cli.alert", "Alerts: what stands, delivering by hand, Alertmanager's routes."),
    "metrics": ("analytics_platform.cli.metrics", "What Prometheus reads: the hour so far, failing checks, alerts."),
    "contract": ("analytics_platform.cli.contract", "Data contracts: list, lint, and what they would not notice."),
    "schema": (
        "analytics_platform.cli.schema",
        "Schemas: list, show, register, sync; what changes, whom it would hurt.",
    ),
    "access": (
        "analytics_platform.cli.access",
        "Who may do what, on Kafka (plan, apply, verify) and here, and who did.",
    ),
    "token": ("analytics_platform.cli.token", "Tokens by which people are known: issue, list, revoke."),
    "privacy": ("analytics_platform.cli.privacy", "Personal data: erase or export a person, audit, rotate the key."),
    "reveal": ("analytics_platform.cli.reveal", "Ask the published tables, with what is encrypted in the clear."),
    "batch": ("analytics_platform.cli.batch", "Batches and what became of them: list, show."),
    "quarantine": (
        "analytics_platform.cli.quarantine",
        "Rows that silver does not hold: list, show, redrive, discard.",
    ),
    "backfill": ("analytics_platform.cli.backfill", "Judge past hours again with today's versions, and watch it."),
    "ledger": ("analytics_platform.cli.ledger", "Rebuild the ledger from the tables, after Postgres was lost."),
    "table": ("analytics_platform.cli.table", "The tables on disk: check, repair."),
    "service": ("analytics_platform.cli.service", "The HTTP service: the schema registry, by itself."),
    "config": ("analytics_platform.cli.config", "The settings and where each comes from."),
    "init": ("analytics_platform.cli.init", "A project of your own, without the auction house."),
    "reset": ("analytics_platform.cli.reset", "Delete this instance's local data."),
}


EXAMPLE = "Example: ap up --detach && ap status"


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of COMMANDS, which is the order a newcomer needs them in."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(COMMANDS[cmd_name][0]).command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `ap --help`, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: ap up --detach && ap status",
)
@click.version_option(package_name="analytics-platform")
def commands() -> None:
    """Kafka in, trustworthy tables out, every step visible in Dagster."""


def main() -> None:
    """Run a command; an error a person can act on is one line on stderr and exit code 1."""
    try:
        commands(prog_name="ap")
    except PlatformError as error:
        click.echo(f"ap: {error}", err=True)
        sys.exit(1)
