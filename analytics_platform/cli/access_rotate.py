"""`ap access rotate` and `revoke`: new keys and passwords while records flow, and nothing more for somebody at once."""

from typing import Any

import click

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.local.rotation import Step, revoke, rotate_authority, rotate_certificates, rotate_password
from analytics_platform.settings import read_settings

NEXT = {
    Step.BEGIN: "both authorities are trusted; give everybody the new ca.pem (`ap access client`), then: --step switch",
    Step.SWITCH: "everything is signed by the new authority; once nobody shows an old certificate: --step finish",
    Step.FINISH: "only the new authority is trusted",
}


@click.group()
def rotate() -> None:
    """New certificates, a new authority or a new password for the broker of this instance; nothing stops."""


@rotate.command(epilog="Example: ap access rotate certificates")
@as_json
def certificates(as_json: bool) -> None:
    """A new key and certificate for the broker and every part; who connects anew shows the new one."""
    renewed = list(rotate_certificates(read_settings()))
    _say(as_json, {"renewed": renewed}, f"renewed: {', '.join(renewed)}")


@rotate.command(epilog="Example: ap access rotate authority --step begin")
@click.option("--step", type=click.Choice([str(step) for step in Step]), required=True, help="In this order.")
@as_json
def authority(step: str, as_json: bool) -> None:
    """A new authority, in three steps, so that at every moment each side trusts what the other shows."""
    rotate_authority(read_settings(), Step(step))
    _say(as_json, {"step": step, "next": NEXT[Step(step)]}, NEXT[Step(step)])


@rotate.command(epilog="Example: ap access rotate password ana")
@click.argument("name")
@as_json
def password(name: str, as_json: bool) -> None:
    """A new password for NAME. What was opened with the old one ends within minutes."""
    rotate_password(read_settings(), name)
    words = f"{name} has a new password: `ap access client {name} --out DIR` hands it over"
    _say(as_json, {"renewed": [name]}, words)


@click.command(name="revoke", epilog="Example: ap access revoke ana")
@click.argument("name")
@as_json
def revoke_command(name: str, as_json: bool) -> None:
    """Let NAME do nothing any more, at once; `ap access apply --remove` undoes it while they are still declared."""
    revoke(read_settings(), name)
    words = f"{name} may do nothing from now on; take them out of infra/kafka/access.yaml, too"
    _say(as_json, {"revoked": name}, words)


def _say(as_document: bool, document: dict[str, Any], words: str) -> None:
    if as_document:
        say_json(document)
    else:
        click.echo(words)
