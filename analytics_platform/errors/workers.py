"""What is wrong with the processes that runs are executed in. Pure."""

from collections.abc import Sequence

from analytics_platform.errors.root import PlatformError


class WorkerError(PlatformError):
    """Something about warm run workers."""


class NoWorkerError(WorkerError):
    """The parent of warm workers is not there, or refuses."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where, self.reason = where, reason

    def __str__(self) -> str:
        return f"no warm worker at {self.where}: {self.reason}; see `ap logs --process warm`"


class ForkUnsafeError(WorkerError):
    """The process is to fork, and something that it has imported runs a thread."""

    def __init__(self, threads: Sequence[str]) -> None:
        super().__init__(tuple(threads))
        self.threads = tuple(threads)

    def __str__(self) -> str:
        return (
            f"{len(self.threads)} threads where one may be ({', '.join(self.threads)}): a module starts them when it "
            "is imported; start them later, or bound the library's pool by an environment variable"
        )
