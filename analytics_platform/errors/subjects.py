"""What is wrong with a schema, or with what somebody asks of a subject. Pure."""

from collections.abc import Sequence

from analytics_platform.errors.root import PlatformError


class RegistryError(PlatformError):
    """The registry cannot do what it was asked for."""


class InvalidSchemaError(RegistryError):
    """A text is no schema of its format; `path` is a JSON pointer to what is wrong with it."""

    def __init__(self, path: str, problem: str, remedy: str) -> None:
        super().__init__(path, problem, remedy)
        self.path, self.problem, self.remedy = path, problem, remedy

    def __str__(self) -> str:
        return f"{self.path or 'the schema'}: {self.problem}; {self.remedy}"


class UnsupportedFormatError(RegistryError):
    """A schema is in a language that this registry does not speak."""

    def __init__(self, format_: str) -> None:
        super().__init__(format_)
        self.format = format_

    def __str__(self) -> str:
        return f"schemas in {self.format} are not supported: no rule here could judge them; send AVRO or JSON"


class SchemaStoreError(RegistryError):
    """Postgres and what once got an id do not agree; nothing may be read with it."""

    def __init__(self, id_: int, problem: str) -> None:
        super().__init__(id_, problem)
        self.id, self.problem = id_, problem

    def __str__(self) -> str:
        return f"schema {self.id} in Postgres: {self.problem}; restore the database, or rebuild it: ap schema sync"


class SchemaConflictError(RegistryError):
    """An id or a version means one schema here and another there; neither is changed."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        super().__init__(where, problem, remedy)
        self.where, self.problem, self.remedy = where, problem, remedy

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}; {self.remedy}"


class IncompatibleError(RegistryError):
    """A version breaks readers or writers of older ones; nothing was published."""

    def __init__(self, subject: str, level: str, breaks: Sequence[str]) -> None:
        super().__init__(subject, level, breaks)
        self.subject, self.level, self.breaks = subject, level, tuple(breaks)

    def __str__(self) -> str:
        count = f"{len(self.breaks)} reason{'s' if len(self.breaks) > 1 else ''}"
        return "\n    ".join([f"{self.subject}: not {self.level}-compatible, for {count}:", *self.breaks])


class ForbiddenError(RegistryError):
    """The registry knows what is meant and must not do it."""

    def __init__(self, subject: str, problem: str, remedy: str) -> None:
        super().__init__(subject, problem, remedy)
        self.subject, self.problem, self.remedy = subject, problem, remedy

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}; {self.remedy}"


class UnapprovedError(RegistryError):
    """The policy asks for votes that are not there; nothing was published."""

    def __init__(self, subject: str, version: int, missing: Sequence[str], proposal: str) -> None:
        super().__init__(subject, version, missing, proposal)
        self.subject, self.version, self.missing, self.proposal = subject, version, tuple(missing), proposal

    def __str__(self) -> str:
        return (
            f"{self.subject} version {self.version} waits for approval by {', '.join(self.missing)}; its proposal is "
            f"{self.proposal}: `ap schema review {self.subject} {self.version}`, then `ap schema approve`"
        )


class ChangedProposalError(RegistryError):
    """A vote is for another change than the one that is proposed now."""

    def __init__(self, name: str, wanted: str, there: str) -> None:
        super().__init__(name, wanted, there)
        self.name, self.wanted, self.there = name, wanted, there

    def __str__(self) -> str:
        return (
            f"{self.name}: the vote is for change {self.wanted}, and {self.there} is proposed; look at it again first"
        )


class StillNeededError(RegistryError):
    """A version cannot be archived; `needed_by` names each thing that needs it."""

    def __init__(self, subject: str, version: int, needed_by: Sequence[str]) -> None:
        super().__init__(subject, version, needed_by)
        self.subject, self.version, self.needed_by = subject, version, tuple(needed_by)

    def __str__(self) -> str:
        return "\n    ".join([f"{self.subject} version {self.version} is still needed:", *self.needed_by])


class PatchedError(RegistryError):
    """The registry may not write git here; what was asked for waits as a patch."""

    def __init__(self, subject: str, patch: str) -> None:
        super().__init__(subject, patch)
        self.subject, self.patch = subject, patch

    def __str__(self) -> str:
        remedy = f"review and `git apply` {self.patch}, then deploy it"
        return f"{self.subject}: this deployment does not write git; {remedy}"


class GitError(RegistryError):
    """Git refuses, and nothing was published."""

    def __init__(self, folder: str, problem: str, remedy: str) -> None:
        super().__init__(folder, problem, remedy)
        self.folder, self.problem, self.remedy = folder, problem, remedy

    def __str__(self) -> str:
        return f"git in {self.folder}: {self.problem}; {self.remedy}"
