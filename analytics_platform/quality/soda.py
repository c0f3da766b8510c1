"""Soda, which verifies contracts: the only importer of soda_core, and imported by it when the first one is verified.

What Soda does at each call (parsing YAML and describing every check anew) costs twenty times what the check itself
does, so a contract is built once a process and its queries run again and again (decisions/0015). That is Soda's
private side: it is pinned, and a test compares the answers with those of its public call.
"""

import logging
import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

import duckdb

from analytics_platform.errors import DeclarationError
from analytics_platform.quality.contract import DATASET, Scope, read_contract
from analytics_platform.quality.verdict import Answer, Measured

SOURCE = DATASET.partition("/")[0]
MOST_BUILT = 64  # contracts kept: those of today's streams and models, and of batches that are judged again
LINT = "run `ap contract lint`"
ROWS_TESTED = ("dataset_rows_tested", "check_rows_tested")  # what every check has

# Soda's parser is one object a process, and so is its log: contracts are verified one after another.
_lock = threading.Lock()


class ReadyContract:
    """One scope of a contract, built over a connection of its own that holds what is verified and can open no file."""

    def __init__(self, text: str, where: str) -> None:
        self._connection = duckdb.connect(config={"threads": 1, "enable_external_access": "false"})
        self._connection.execute("set TimeZone = 'UTC'")
        self._text, self._where = text, where
        self._built: Any = None

    def verify(self, tables: Mapping[str, Any], at: datetime) -> dict[str, Measured]:
        """What Soda measures over these Arrow tables or datasets, by path, as of that time."""
        with _lock:
            for name, rows in tables.items():
                self._connection.register(name, rows)
            try:
                return self._answers(at)
            finally:
                for name in tables:
                    self._connection.unregister(name)

    def _build(self) -> None:
        if self._built is None:
            self._built = _build(self._text, self._where, self._connection)

    def _answers(self, at: datetime) -> dict[str, Measured]:
        self._build()
        self._built.logs = _soda().logs()
        self._built.yaml.data_timestamp = at
        try:
            with _muted():
                found = self._built.verify()
        finally:
            self._built.logs.close()
        return {result.check.relative_path: _measured(result) for result in found.check_results}


@lru_cache(maxsize=MOST_BUILT)
def ready(contract_text: str, where: str, scope: Scope) -> ReadyContract:
    """A contract's checks of that scope, to be verified many times."""
    return ReadyContract(read_contract(contract_text, where).text_of(scope), where)


def _build(text: str, where: str, connection: duckdb.DuckDBPyConnection) -> Any:
    """Soda's own form of a contract. What it says in its log while it reads it is an error in the contract."""
    soda = _soda()
    logs, now = soda.logs(), datetime.now(UTC)
    try:
        built = soda.contract(
            yaml=soda.yaml.parse(yaml_source=soda.source.from_str(text), provided_variable_values={}),
            data_source_impl=soda.duckdb.from_existing_cursor(connection, SOURCE),
            data_timestamp=now,
            execution_timestamp=now,
            logs=logs,
        )
    except (soda.refusal, AssertionError) as error:
        raise DeclarationError(where, f"Soda refuses it: {error}", LINT) from error
    finally:
        logs.close()
    if logs.has_errors:
        raise DeclarationError(where, f"Soda refuses it: {logs.get_errors_str()[:300]}", LINT)
    for check in built.all_check_impls:
        check._build_check_info = cache(check._build_check_info)  # it writes the check out as YAML each time
    built.build_log_summary = lambda **_: []  # a table for a terminal that nobody looks at
    return built


def _measured(result: Any) -> Measured:
    value, answer = result.threshold_value, result.outcome.name
    figures = {
        name: float(figure)
        for name, figure in (result.diagnostic_metric_values or {}).items()
        if name not in ROWS_TESTED and isinstance(figure, int | float)
    }
    return Measured(
        path=result.check.relative_path,
        answer=Answer(answer) if answer in Answer.__members__ else Answer.NOT_EVALUATED,
        value=float(value) if isinstance(value, int | float) else None,
        figures=figures,
    )


@dataclass(frozen=True, slots=True)
class _Soda:
    """The parts of Soda that are used, as it names them."""

    logs: Any
    source: Any
    contract: Any
    yaml: Any
    duckdb: Any
    refusal: Any


def import_soda() -> None:
    """Import Soda now, as a process does that forks workers; it starts no thread."""
    _soda()


@cache
def _soda() -> _Soda:
    os.environ["SODA_CORE_TELEMETRY_ENABLED"] = "false"  # read while it is imported
    from soda_core.common.exceptions import SodaCoreException
    from soda_core.common.logs import Logs
    from soda_core.common.yaml import ContractYamlSource
    from soda_core.contracts.impl.contract_verification_impl import ContractImpl
    from soda_core.contracts.impl.contract_yaml import ContractYaml
    from soda_duckdb import DuckDBDataSource

    return _Soda(Logs, ContractYamlSource, ContractImpl, ContractYaml, DuckDBDataSource, SodaCoreException)


@contextmanager
def _muted() -> Generator[None]:
    """Keep Soda's log to itself while rows are verified: its errors quote the values that it stumbles over."""
    log = logging.getLogger("soda")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
