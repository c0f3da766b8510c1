"""Stock mode: one setting, and nothing of ours is in the way of a run."""

import yaml

from analytics_platform.definitions.opening import open_reader
from analytics_platform.ingest.kafka.fetch import KafkaReader, PlainReader
from analytics_platform.local.dagster_processes import DagsterPlace, prepare_home
from analytics_platform.security.parts import PartName
from analytics_platform.settings import ROOT, read_settings

OURS, STOCK = (yaml.safe_load((ROOT / name).read_text()) for name in ("dagster.yaml", "dagster.stock.yaml"))
DIFFERENT = {"run_coordinator", "run_launcher", "sensors", "storage"}


def place(folder, *, is_stock):
    return DagsterPlace(state_dir=folder, ports={}, environment={}, dsn="", is_stock=is_stock)


def test_the_stock_instance_differs_in_launcher_coordinator_cadence_and_kept_connections_alone():
    assert {name for name in OURS.keys() | STOCK.keys() if OURS.get(name) != STOCK.get(name)} == DIFFERENT


def test_nothing_of_ours_is_in_the_stock_instance():
    assert "analytics_platform" not in (ROOT / "dagster.stock.yaml").read_text()


def test_the_setting_picks_the_instance(tmp_path):
    for is_stock, name in ((True, "dagster.stock.yaml"), (False, "dagster.yaml")):
        prepare_home(place(tmp_path, is_stock=is_stock))
        assert (tmp_path / "dagster" / "dagster.yaml").resolve() == ROOT / name


def test_in_stock_mode_kafka_python_decodes_the_records():
    kinds = {word: type(open_reader(read_settings({"AP_STOCK": word}), PartName.WORKER)) for word in ("yes", "no")}
    assert kinds == {"yes": PlainReader, "no": KafkaReader}
