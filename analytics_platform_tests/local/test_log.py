"""Logs: raw output in, bounded JSON lines out."""

import io
import json
import logging
from datetime import UTC, datetime, timedelta

from analytics_platform.local.log import Collector, log_dir, matches, raw_file, read_logs
from analytics_platform.logs import JsonFormatter, log_as_json, parse_line

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def write_raw(folder, process, text):
    path = raw_file(folder, process)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(text)


def test_a_log_line_carries_what_was_given_as_extra():
    record = logging.makeLogRecord({"name": "x", "msg": "batch.published", "levelname": "INFO", "batch": "bids/7"})
    entry = json.loads(JsonFormatter("code-server").format(record))
    assert (entry["event"], entry["batch"], entry["process"]) == ("batch.published", "bids/7", "code-server")


def test_an_exception_is_part_of_its_line():
    out = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        log_as_json("test", "INFO", out)
        try:
            raise ValueError("lost")
        except ValueError:
            logging.getLogger("x").exception("step.failed")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert "ValueError: lost" in json.loads(out.getvalue())["exception"]


def test_lines_of_dagster_and_of_others_come_out_alike():
    theirs = '{"event": "Hello", "logger": "dagster.daemon", "level": "info", "timestamp": "2026-05-01T11:00:00Z"}'
    assert parse_line(theirs, "daemon", NOW)["time"] == "2026-05-01T11:00:00.000+00:00"
    assert parse_line(theirs, "daemon", NOW)["level"] == "INFO"
    kafka = parse_line("[2026-05-01 11:00:00,000] WARN slow (kafka.server)", "broker", NOW)
    assert (kafka["level"], kafka["process"]) == ("WARNING", "broker")
    assert parse_line("LOG:  database system is ready", "postgres", NOW)["level"] == "INFO"


def test_a_run_is_found_in_dagsters_console_lines():
    run = "8903b4a3-18a2-4b5f-8e2f-4068b4a34e6f"
    line = f"2026-05-01 11:00:00 +0000 - dagster - DEBUG - auction_house - {run} - 13998 - step - STEP_START - Began."
    entry = parse_line(line, "code-server", NOW)
    assert (entry["run"], entry["job"], entry["level"]) == (run, "auction_house", "DEBUG")
    assert entry["time"] == "2026-05-01T11:00:00.000+00:00"


def test_half_a_line_waits_for_its_end(tmp_path):
    collector = Collector(tmp_path)
    write_raw(tmp_path, "broker", "one\ntw")
    collector.collect()
    write_raw(tmp_path, "broker", "o\n")
    collector.collect()
    assert [entry["event"] for entry in read_logs(tmp_path, since=LONG_AGO)] == ["one", "two"]


def test_a_second_collector_goes_on_where_the_first_stopped(tmp_path):
    write_raw(tmp_path, "daemon", "one\n")
    Collector(tmp_path).collect()
    write_raw(tmp_path, "daemon", "two\n")
    Collector(tmp_path).collect()
    assert [entry["event"] for entry in read_logs(tmp_path, since=LONG_AGO)] == ["one", "two"]


def test_logs_and_raw_files_stay_bounded(tmp_path):
    collector = Collector(tmp_path, limit_bytes=2_000, raw_limit_bytes=1_000)
    for number in range(200):
        write_raw(tmp_path, "broker", f"line {number} {'x' * 50}\n")
        collector.collect()
    sizes = {path.name: path.stat().st_size for path in log_dir(tmp_path).glob("broker.log*")}
    assert set(sizes) == {"broker.log", "broker.log.1"}
    assert max(sizes.values()) < 2_500
    assert raw_file(tmp_path, "broker").stat().st_size < 1_100
    assert list(read_logs(tmp_path, since=LONG_AGO))[-1]["event"].startswith("line 199")


def test_a_line_cut_by_a_kill_is_left_out(tmp_path):
    log_dir(tmp_path).mkdir()
    (log_dir(tmp_path) / "x.log").write_text('{"time": "2026-01-01T00:00:00+00:00", "event": "whole"}\n{"time": "20')
    assert [entry["event"] for entry in read_logs(tmp_path, since=LONG_AGO)] == ["whole"]


def test_old_entries_and_other_processes_are_left_out(tmp_path):
    write_raw(tmp_path, "daemon", "now\n")
    write_raw(tmp_path, "broker", "also now\n")
    Collector(tmp_path).collect()
    assert [e["event"] for e in read_logs(tmp_path, since=LONG_AGO, process="daemon")] == ["now"]
    assert list(read_logs(tmp_path, since=datetime.now(UTC) + timedelta(hours=1))) == []


def test_a_batch_is_named_with_or_without_its_stream():
    entry = {"stream": "bids", "batch": 7, "run": "4f1c22"}
    assert matches(entry, batch="bids/7") and matches(entry, batch="7")
    assert not matches(entry, batch="17") and not matches(entry, batch="auctions/7")
    assert matches(entry, run="4f1c") and not matches(entry, run="77")
