"""What the parent of warm workers imports for the platform's runs, and what a child calls before it has one."""

from analytics_platform.definitions.ready import READY
from analytics_platform.quality.soda import import_soda

import_soda()  # 1.2 s of CPU that no run shall pay


def prepare() -> None:
    """Open what runs need, in a child."""
    READY.open()
