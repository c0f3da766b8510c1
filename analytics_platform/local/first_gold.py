"""The first row of a model that readers can see: asked for as a reader would, by `ap sql` in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from analytics_platform.product import Catalog, Model, Window


def soonest_model(declared: Catalog) -> Model | None:
    """The model that has a row first: the one of the smallest windows, of several the last by name."""
    windows = {m.name: m.grain.size for m in declared.models.values() if isinstance(m.grain, Window)}
    smallest = [name for name, size in windows.items() if size == min(windows.values())]
    return declared.models[max(smallest)] if smallest else next(iter(declared.models.values()), None)


class FirstGold:
    """Asks once something is published, again until a model has a row, and then no more."""

    def __init__(self, model: Model | None, environment: Mapping[str, str], folder: Path) -> None:
        self._model, self._environment, self._folder = model, environment, folder
        self._asking: subprocess.Popen[str] | None = None

    def look(self) -> str | None:
        """The row, once, as text; None before and after. Never waits for the answer."""
        if self._model is None:
            return None
        if self._asking is None:
            self._asking = self._ask(self._model)
        elif self._asking.poll() is not None:
            answer, self._asking = self._asking.communicate()[0], None
            return self._row(self._model, answer)
        return None

    def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.kill()
            self._asking.communicate()
        self._model = self._asking = None

    def _ask(self, model: Model) -> subprocess.Popen[str]:
        query = f'select * from "{model.name}" order by "{model.grain.column}" desc limit 1'
        command = [sys.executable, "-m", "analytics_platform.cli", "sql", query, "--json"]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            command, env=dict(self._environment), cwd=self._folder, stdout=subprocess.PIPE, stderr=quiet, text=True
        )

    def _row(self, model: Model, answer: str) -> str | None:
        try:
            rows = json.loads(answer)
        except ValueError:  # nothing published yet, or Postgres went away: asked again at the next look
            return None
        if not rows:
            return None
        self._model = None
        return f"{model.name}: " + ", ".join(f"{name} {value}" for name, value in rows[0].items())
