"""Dead letters from Dagster: a sensor that sends them, apart from the one that plans."""

import dagster as dg

from analytics_platform.dead_letters import Sender, send_dead_letters
from analytics_platform.definitions.resources import KeptLedger
from analytics_platform.errors import UnreachableError
from analytics_platform.product import Catalog
from analytics_platform.settings import LedgerRole, read_settings

EVERY_SECONDS = 5


def dead_letter_sensors(declared: Catalog) -> list[dg.SensorDefinition]:
    """The sensor, where some stream wants its dead letters sent.

    A broker that is down is waited for; whatever else goes wrong fails the tick, and the third in a row is an alert.
    """
    if not any(stream.dead_letters for stream in declared.streams.values()):
        return []
    kept = KeptLedger(LedgerRole.WORKER, "dead letters")

    @dg.sensor(
        name="dead_letters",
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends rows that silver will not hold to the topics that their streams declare, at least once.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """Send what is new."""
        settings = read_settings()
        try:
            with kept.of(settings) as ledger:
                rows = send_dead_letters(Sender(settings=settings, declared=declared, ledger=ledger))
        except UnreachableError as error:
            return dg.SkipReason(str(error))
        return dg.SkipReason(f"{rows:,} rows sent" if rows else "nothing to send")

    return [sensor]
