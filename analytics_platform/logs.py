"""One log line is one JSON object on stderr: who, when, what happened, and to which stream, batch and run."""

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """Turns a record into one line of JSON; what `extra` carried becomes keys of their own."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self.process_name = process

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its newline; values that JSON does not know are written as text."""
        return json.dumps(log_entry(record, self.process_name), default=str, ensure_ascii=False)


def log_entry(record: logging.LogRecord, process: str) -> dict[str, Any]:
    """The record as a mapping: time, level, logger, process, event, then everything given as `extra`."""
    extra = {name: value for name, value in vars(record).items() if name not in STANDARD}
    entry = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname,
        "logger": record.name,
        "process": process,
        "event": record.getMessage(),
        **extra,
    }
    if record.exc_info:
        entry["exception"] = logging.Formatter().formatException(record.exc_info)
    return entry


def log_as_json(process: str, level: str, stream: TextIO | None = None) -> None:
    """Make the root logger of this process write JSON lines to `stream` (stderr); replaces its other handlers.

    Under `ap up` the supervisor collects them into `logs/<process>.log`; in a container stderr is where they go.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


RUN_LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}) - (?P<logger>\S+) - (?P<level>[A-Z]+) - (?P<job>\S+)"
    r" - (?P<run>[0-9a-f-]{36}) - (?P<event>.*)"
)  # how Dagster's console logger writes an event of a run


def parse_line(line: str, process: str, now: datetime) -> Mapping[str, Any]:
    """A line that some process wrote, as a log entry: ours as it is, Dagster's renamed, others wrapped."""
    try:
        found = json.loads(line) if line.startswith("{") else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        run_line = RUN_LINE.fullmatch(line)
        found = run_line.groupdict() if run_line else {"event": line}
    stamp = str(found.pop("time", None) or found.pop("timestamp", None) or "")
    entry = {
        "time": _utc(stamp, now).isoformat(timespec="milliseconds"),
        "level": str(found.pop("level", None) or _level_in(line)).upper(),
        "logger": found.pop("logger", process),
        "process": found.pop("process", process),
    }
    return {**entry, **found}


def _utc(stamp: str, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return now
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _level_in(line: str) -> str:
    """The level that a line of Kafka (`… WARN …`) or Postgres (`… ERROR: …`) names."""
    words = line[:80].replace(":", " ").replace("]", " ").split()
    for word, level in (("FATAL", "CRITICAL"), ("PANIC", "CRITICAL"), ("ERROR", "ERROR"), ("WARN", "WARNING")):
        if word in words:
            return level
    return "WARNING" if "WARNING" in words else "INFO"
