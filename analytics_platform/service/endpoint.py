"""An endpoint as a value: what it answers to, what it may say, and the function that answers. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from analytics_platform.product import Catalog
from analytics_platform.registry.publish import Registrar
from analytics_platform.registry.snapshot import Snapshot
from analytics_platform.security.roles import Action
from analytics_platform.service.bodies import object_in, subject_in, version_in
from analytics_platform.service.errors import Code
from analytics_platform.service.limits import Cost


class Changes(Protocol):
    """Whoever may change the registry: hands out a registrar, and shows the outcome to readers before it returns."""

    @property
    def declared(self) -> Catalog:
        """The streams that read from subjects here, and their models."""
        ...

    def change(self, act: Callable[[Registrar], Any]) -> Any:
        """Run that with a registrar; raises what it raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request: path segments still percent-encoded, and the registry as it was when it came."""

    snapshot: Snapshot
    segments: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    authorization: str = field(default="", repr=False)  # the header, as it was sent
    registry: Changes

    @property
    def subject(self) -> str:
        """The subject in the path."""
        return subject_in(self.segments["subject"])

    @property
    def version(self) -> int | None:
        """The version in the path; None for the latest."""
        return version_in(self.segments["version"])

    @property
    def content(self) -> Mapping[str, Any]:
        """The body's JSON object."""
        return object_in(self.body)


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that is JSON text already."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method on one path. `codes` are the errors it may answer with, besides those that any may.

    `action`: what the caller must be allowed to do; None is for everybody who reaches the service, and so is a call of
    which `is_known` says that nothing comes of it.
    `takes_time`: it waits for Postgres and git, or works out a verdict, and so must not hold up others.
    """

    method: str
    path: str
    answer: Callable[[Call], Any]
    summary: str
    query: tuple[str, ...] = ()
    codes: tuple[Code, ...] = ()
    takes_time: bool = False
    action: Action | None = None
    is_known: Callable[[Call], bool] | None = None

    @property
    def cost(self) -> Cost:
        """What it costs, and so how often it may be asked for."""
        if self.action:
            return Cost.CHANGE
        return Cost.WORK if self.takes_time else Cost.MEMORY
