"""The producer process: builds what is due and delivers it, until all is acknowledged or it is told to stop."""

import logging
import threading
import time
from dataclasses import replace
from datetime import timedelta

from analytics_platform.errors import LocalError
from analytics_platform.ingest.kafka.admin import ensure_topics
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.ingest.kafka.produce import BulkProducer
from analytics_platform.local.auction_house.chance import Chance
from analytics_platform.local.auction_house.chunk import House, build_chunk
from analytics_platform.local.auction_house.delivery import Delivery
from analytics_platform.local.auction_house.options import Options, Summary
from analytics_platform.local.auction_house.pace import FLAT_OUT_EVENTS, Pace
from analytics_platform.local.auction_house.plan import Places
from analytics_platform.local.auction_house.recovery import recover
from analytics_platform.local.auction_house.timeline import starting
from analytics_platform.local.auction_house.truth import Progress, TruthFolder

RETENTION = timedelta(hours=24)
TICK_SECONDS = 0.25
REPORT_SECONDS = 1.0
UPKEEP_SECONDS = 600.0

log = logging.getLogger(__name__)


def run(options: Options, stop: threading.Event | None = None) -> Summary:
    """Produce until all events are acknowledged, or until told to stop; recovers first from a run that was killed.

    Raises LocalError when a bounded run finds another run's truth, or another producer on its topics;
    UnreachableError, ProduceRefusedError.
    """
    options.truth.mkdir(parents=True, exist_ok=True)
    folder = TruthFolder(options.truth, merges=options.is_live)
    if not options.is_live and folder.files():
        raise LocalError("auction house", f"{options.truth} holds the truth of another run", "name an empty folder")
    ensure_topics(options.cluster, {topic.name: topic.partitions for topic in options.topics}, retention=RETENTION)
    before = folder.newest_progress() or Progress(chunk=-1, next_number=0, next_order=0)
    with KafkaReader(options.cluster) as reader:
        if pending := recover(folder, reader, options.topics):
            log.warning("auction_house.recovered", extra={"pending_files": pending})
    stop = stop or threading.Event()
    producer = BulkProducer(options.cluster, patience_seconds=options.patience_seconds)
    with Delivery(folder, producer, options.topics, stop) as delivery:
        start_ms = now_ms() if options.is_live else int(options.start_at.timestamp() * 1000)
        timeline = starting(before.next_number, start_ms, options.events_per_second)
        house = House(topics=options.topics, chance=Chance(options.seed), shares=options.shares, timeline=timeline)
        return Session(options, house, delivery, before).run(stop)


def now_ms() -> int:
    """The wall clock in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Session:
    """What changes while events are produced: how far the sequence has come, and the pace."""

    def __init__(self, options: Options, house: House, delivery: Delivery, progress: Progress) -> None:
        self.options, self.house, self.delivery, self.progress = options, house, delivery, progress
        self.first = progress.next_number
        self.pace = Pace(rate=options.rate, first=self.first, since=time.monotonic(), events=options.events)
        self.reported = (time.monotonic(), 0)
        self.upkeep_at = time.monotonic()

    def run(self, stop: threading.Event) -> Summary:
        """Produce until done or told to stop; everything that was sent is acknowledged then."""
        wall, cpu = time.monotonic(), time.process_time()
        while not stop.is_set() and self.progress.next_number != self.options.events:
            if self._is_held(stop) or self.pace.is_behind(self.progress.next_number, time.monotonic()):
                self._go_on_from_now()
            places = self.pace.due(self.progress.next_number, time.monotonic())
            if places is not None:
                self._emit(places)
            if self.options.rate is not None and not self._has_full_chunk_due():
                stop.wait(TICK_SECONDS)
                self.delivery.settle()
            self._report()
        self.delivery.settle()
        return Summary(
            events=self.progress.next_number - self.first,
            produced=self.delivery.produced,
            planted=self.delivery.planted,
            wall_seconds=time.monotonic() - wall,
            cpu_seconds=time.process_time() - cpu,
        )

    def _emit(self, places: Places) -> None:
        chunk = build_chunk(self.house, places, self.progress.next_order, self.delivery.ends, now_ms())
        self.progress = Progress(
            chunk=self.progress.chunk + 1,
            next_number=places.end,
            next_order=self.progress.next_order + chunk.rows,
        )
        self.delivery.put(chunk, self.progress)

    def _has_full_chunk_due(self) -> bool:
        places = self.pace.due(self.progress.next_number, time.monotonic())
        return places is not None and places.end - places.start == FLAT_OUT_EVENTS

    def _is_held(self, stop: threading.Event) -> bool:
        """Wait while the hold file exists; whether it did."""
        hold = self.options.hold_file
        if hold is None or not hold.exists():
            return False
        self.delivery.settle()
        log.warning("auction_house.held", extra={"hold_file": str(hold)})
        while hold.exists() and not stop.wait(TICK_SECONDS):
            pass
        log.info("auction_house.resumed")
        return True

    def _go_on_from_now(self) -> None:
        """What was not produced in time never happened; a bounded run only produces it later."""
        number = self.progress.next_number
        self.pace = self.pace.resumed(number, time.monotonic())
        if self.options.is_live:
            self.house = replace(self.house, timeline=self.house.timeline.resumed(number, now_ms()))

    def _report(self) -> None:
        now, (then, before) = time.monotonic(), self.reported
        if now - then < REPORT_SECONDS:
            return
        produced = self.delivery.produced
        self.reported = (now, produced)
        rate = round((produced - before) / (now - then))
        log.info("auction_house.produced", extra={"records_per_second": rate, "records": produced})
        if self.options.is_live and now - self.upkeep_at > UPKEEP_SECONDS:
            self.upkeep_at = now
            self.delivery.folder.drop_old(time.time())
