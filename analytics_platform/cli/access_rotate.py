"""`ap access rotate` and `revoke`: new keys and passwords while records flow, and nothing more for somebody at once."""

import click

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
def certificates() -> None:
    """A new key and certificate for the broker and every part; who connects anew shows the new one."""
    click.echo(f"renewed: {', '.join(rotate_certificates(read_settings()))}")


@rotate.command(epilog="Example: ap access rotate authority --step begin")
@click.option("--step", type=click.Choice([str(step) for step in Step]), required=True, help="In this order.")
def authority(step: str) -> None:
    """A new authority, in three steps, so that at every moment each side trusts what the other shows."""
    rotate_authority(read_settings(), Step(step))
    click.echo(NEXT[Step(step)])


@rotate.command(epilog="Example: ap access rotate password ana")
@click.argument("name")
def password(name: str) -> None:
    """A new password for NAME. What was opened with the old one ends within minutes."""
    rotate_password(read_settings(), name)
    click.echo(f"{name} has a new password: `ap access client {name} --out DIR` hands it over")


@click.command(name="revoke", epilog="Example: ap access revoke ana")
@click.argument("name")
def revoke_command(name: str) -> None:
    """Let NAME do nothing any more, at once; `ap access apply --remove` undoes it while they are still declared."""
    revoke(read_settings(), name)
    click.echo(f"{name} may do nothing from now on; take them out of infra/kafka/access.yaml, too")
