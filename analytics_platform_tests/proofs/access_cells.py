"""The access matrix as data: who does what to what, whether it is allowed, and how it is tried for real.

Each system has a module beside this one (`access_kafka`, `access_postgres`, `access_service`) with

    @contextmanager
    def opened(folder: Path) -> Generator[Side]

which starts the real thing, with the rules that production gets, and says which cells there are.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLateError
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

MOST_SECONDS = 5.0  # for a refusal to be said
GIVE_UP_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One square of the matrix.

    `attempt` does it for real, as that principal, and raises what refuses it: an error of `refusals`, in whose text
    each of `says` stands (by default the principal, the operation and the resource). Any other error is no refusal:
    nobody answered, or the cell is wrong. An attempt that is allowed is one that really did something.
    """

    system: str
    principal: str
    operation: str
    resource: str
    is_allowed: bool
    attempt: Callable[[], object] = field(compare=False, repr=False)
    refusals: tuple[type[BaseException], ...] = field(compare=False, repr=False)
    says: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How reports call it: `kafka: planner Read Topic bids`."""
        return f"{self.system}: {self.principal} {self.operation} {self.resource}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """One rule turned round for as long as the context lasts: given where it is not, or taken away.

    `turns` names cells that cannot be as the matrix says meanwhile.
    """

    name: str
    turned: Callable[[], AbstractContextManager[object]]
    turns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One system's part of the matrix."""

    cells: tuple[Cell, ...]
    flips: tuple[Flip, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of a cell; `problem` is None where it is as the matrix says."""

    cell: Cell
    seconds: float
    said: str
    problem: str | None


def try_all(cells: Iterable[Cell]) -> list[Tried]:
    """Every cell, one after another."""
    return [try_out(cell) for cell in cells]


def try_out(cell: Cell) -> Tried:
    """Do it, and hold what came of it against the matrix."""
    began = time.monotonic()
    pool = ThreadPoolExecutor(1, thread_name_prefix="cell")
    try:
        pool.submit(cell.attempt).result(GIVE_UP_SECONDS)
    except TooLateError:
        error: BaseException | None = TooLateError(f"nothing after {GIVE_UP_SECONDS:g} s")
    except Exception as raised:  # whatever it is: it is judged below
        error = raised
    else:
        error = None
    finally:
        pool.shutdown(wait=False)
    seconds = time.monotonic() - began
    said = "" if error is None else f"{type(error).__name__}: {error}"
    return Tried(cell=cell, seconds=seconds, said=said, problem=problem_of(cell, error, seconds))


def problem_of(cell: Cell, error: BaseException | None, seconds: float) -> str | None:
    """What is wrong with an outcome. Pure."""
    if error is None:
        return None if cell.is_allowed else "is forbidden, and worked"
    if not isinstance(error, cell.refusals):
        return f"neither worked nor was refused: {type(error).__name__}: {error}"
    if cell.is_allowed:
        return f"is allowed, and was refused: {error}"
    unsaid = [word for word in cell.says or (cell.principal, cell.operation, cell.resource) if word not in str(error)]
    if unsaid:
        return f"was refused without naming {', '.join(unsaid)}: {error}"
    return None if seconds < MOST_SECONDS else f"was refused only after {seconds:.1f} s"


def distinct_principals(cells: Iterable[Cell]) -> dict[frozenset[tuple[str, str, str]], list[str]]:
    """Principals by what they may do: of those in one list, none differs from the others anywhere."""
    allowed: dict[str, set[tuple[str, str, str]]] = {}
    for cell in cells:
        mine = allowed.setdefault(cell.principal, set())
        if cell.is_allowed:
            mine.add((cell.system, cell.operation, cell.resource))
    alike: dict[frozenset[tuple[str, str, str]], list[str]] = {}
    for principal, mine in allowed.items():
        alike.setdefault(frozenset(mine), []).append(principal)
    return alike
