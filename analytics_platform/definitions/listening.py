"""How the planner passes the time between two looks: the broker says when data comes, the ledger when a lease ends."""

import logging
import threading
from collections.abc import Mapping, Sequence

import psycopg

from analytics_platform.definitions.resources import KeptParts
from analytics_platform.errors import KafkaDeniedError, PlatformError
from analytics_platform.ledger.postgres.lease import wait_for_an_end
from analytics_platform.product import Pipeline

log = logging.getLogger(__name__)
Positions = Mapping[str, Mapping[int, int]]


def wait_for_news(
    kept: KeptParts, pipelines: Sequence[Pipeline], idle: Mapping[str, Positions], seconds: float
) -> None:
    """Wait for data of the idle pipelines, beyond those positions; where all are at work, for the end of a lease.

    Either is at most `seconds` away. What goes wrong here shows in the next look.
    """
    wanted = {topic: at for positions in idle.values() for topic, at in positions.items()}
    if not pipelines or (idle and not wanted):  # held or paused: nobody sends news
        threading.Event().wait(seconds)
        return
    listener = next((pipeline for pipeline in pipelines if pipeline.name in idle), pipelines[0])
    try:
        with kept.of(listener) as parts:
            if wanted:
                parts.reader.wait_for_data(wanted, seconds)
            else:
                wait_for_an_end(parts.ledger, seconds)
    except KafkaDeniedError as error:  # at once, and it may still ask for offsets: the next look would not say it
        log.warning("planner.may_not_listen", extra={"reason": str(error)})
        threading.Event().wait(seconds)
    except (PlatformError, psycopg.Error):
        pass
