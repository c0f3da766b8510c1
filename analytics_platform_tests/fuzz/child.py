"""One slice of a target's calls, in a process of its own: `python -m analytics_platform_tests.fuzz.child SLICE`.

SLICE is JSON. Which call is being made goes into a small file, for whoever watches; what went wrong, to the output.
"""

import json
import logging
import mmap
import os
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from analytics_platform_tests.fuzz.target import Target, chance_of

PLACE = struct.Struct(">q")  # the call that is being made; -1 before the first
HERE = "analytics_platform_tests.fuzz"
# by target, its module and what makes it: a child imports no more than it needs
MADE = {
    "record batches": ("record_batches", "target"),
    "avro": ("bodies", "avro_target"),
    "json": ("bodies", "json_target"),
    "yaml": ("yaml_files", "target"),
}
MOST_FAULTS = 20  # of a slice: then it is clear enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Calls [first, end) of a target. `planted` is a fault put in on purpose, at the call `planted_at`."""

    target: str
    seed: int
    first: int
    end: int
    place: str
    planted: str = ""
    planted_at: int = -1


def main(given: Slice) -> None:
    """Make the calls; the last line says what came of them."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    came: Counter[str] = Counter()
    faults = 0
    with Path(given.place).open("r+b") as file, mmap.mmap(file.fileno(), PLACE.size) as place, _target(given) as target:
        for call in range(given.first, given.end):
            PLACE.pack_into(place, 0, call)
            try:
                if call == given.planted_at:
                    PLANTED[given.planted]()
                came[target.feed(chance_of(given.seed, target.name, call))] += 1
            except BaseException as error:  # a panic of Rust is one, too
                faults += 1
                _say({"call": call, "error": _told(error)})
                if faults == MOST_FAULTS:
                    break
    _say({"came": came, "calls": sum(came.values()), "inputs": sum(came.values()) * target.inputs})


def as_argument(given: Slice) -> str:
    """As the command line takes it."""
    return json.dumps(asdict(given))


@contextmanager
def _target(given: Slice) -> Generator[Target]:
    if given.target in MADE:
        module, name = MADE[given.target]
        yield getattr(import_module(f"{HERE}.{module}"), name)(given.seed)
        return
    requests = import_module(f"{HERE}.requests")
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, requests.opened(Path(folder)) as target:
        yield target


def _told(error: BaseException) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:600]} ({Path(where.filename).name}:{where.lineno})"


def _say(found: object) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def _raise() -> None:
    raise IndexError("planted")


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _hang() -> None:
    while True:
        time.process_time()


def _swell() -> None:
    held = bytearray(3 << 30)
    held[:: mmap.PAGESIZE] = b"\1" * len(held[:: mmap.PAGESIZE])


PLANTED: dict[str, Callable[[], None]] = {"exception": _raise, "crash": _crash, "hang": _hang, "memory": _swell}


if __name__ == "__main__":
    main(Slice(**json.loads(sys.argv[1])))
