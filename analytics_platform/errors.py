"""Every error this platform raises on purpose, drawn as one tree. Pure.

    PlatformError
    ├── SettingError            a setting is missing or malformed
    ├── DeclarationError        a stream, model or schema is declared wrongly
    ├── UnreachableError        a system does not answer
    ├── KafkaError
    │   ├── TopicMissingError   the topic does not exist
    │   ├── KafkaDeniedError    the broker knows us and refuses
    │   ├── ProduceRefusedError records that the broker will never take
    │   ├── ClientInUseError    a connection that somebody else is using
    │   ├── OldFormatError      messages from before record batches
    │   ├── OffsetsLostError    the broker no longer has offsets that were planned
    │   ├── UnaccountedError    records came out otherwise than the log counts them
    │   ├── TopicChangedError   the topic was deleted and created again
    │   └── MalformedBatchError bytes from the broker are no record batch
    ├── LedgerError
    │   ├── FencedError         a newer writer has taken over
    │   └── LedgerLostError     the ledger does not know what the tables hold
    ├── TableError
    │   ├── StaleError          a table changed between decision and commit
    │   ├── BronzeLostError     bronze does not hold what was landed
    │   ├── BronzeChangedError  bronze holds other rows than were landed
    │   ├── DamagedTableError   a table's log or files are not what was written
    │   └── UnrepairableError   what was damaged is nowhere else
    ├── RegistryError
    │   ├── InvalidSchemaError      a text is no schema
    │   ├── UnsupportedFormatError  a schema is in a language that is not spoken here
    │   ├── SchemaStoreError        a schema in Postgres is not the one that got its id
    │   ├── SchemaConflictError     git and Postgres gave one id to two schemas
    │   ├── IncompatibleError       a version breaks those who read or write older ones
    │   ├── ForbiddenError          a subject's mode does not allow it
    │   ├── UnapprovedError         the policy asks for votes that are not there
    │   ├── UnknownPersonError      nobody of the policy asks
    │   ├── StillNeededError        a version cannot be archived: something that is kept needs it
    │   ├── PatchedError            this deployment does not write git: the change is a patch
    │   └── GitError                git does not take a schema
    ├── WorkerError
    │   ├── NoWorkerError       no warm worker takes the run
    │   └── ForkUnsafeError     a process that forks has more than one thread
    └── LocalError              an embedded part cannot be installed or started

A finding about data (a bad row, a broken contract) is a return value, never an error.
"""

from collections.abc import Sequence


class PlatformError(Exception):
    """Something is wrong that a person can act on; the message says what to do."""


class SettingError(PlatformError):
    """A setting is missing or cannot be parsed."""

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        super().__init__(name, problem, remedy)
        self.name, self.problem, self.remedy = name, problem, remedy

    def __str__(self) -> str:
        return f"setting {self.name}: {self.problem}; {self.remedy}"


class DeclarationError(PlatformError):
    """A stream, model or schema is declared in a way that cannot work."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        super().__init__(where, problem, remedy)
        self.where, self.problem, self.remedy = where, problem, remedy

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}; {self.remedy}"


class UnreachableError(PlatformError):
    """A system that we depend on does not answer."""

    def __init__(self, system: str, address: str, reason: str, remedy: str) -> None:
        super().__init__(system, address, reason, remedy)
        self.system, self.address, self.reason, self.remedy = system, address, reason, remedy

    def __str__(self) -> str:
        return f"{self.system} at {self.address} does not answer ({self.reason}); {self.remedy}"


class KafkaError(PlatformError):
    """Kafka answered, but not with what was asked for."""


class TopicMissingError(KafkaError):
    """The topic does not exist, or we may not know that it does."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self.topic = topic

    def __str__(self) -> str:
        return f"topic {self.topic} does not exist, or we may not describe it; create it, or grant DESCRIBE"


class KafkaDeniedError(KafkaError):
    """The broker answers, and does not let us do this."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what, self.reason = what, reason

    def __str__(self) -> str:
        return f"{self.what}: the broker refuses ({self.reason}); grant READ and DESCRIBE, or check the credentials"


class ProduceRefusedError(KafkaError):
    """The broker will not take these records, however often they are sent."""

    def __init__(self, topic: str, partition: int, reason: str) -> None:
        super().__init__(topic, partition, reason)
        self.topic, self.partition, self.reason = topic, partition, reason

    def __str__(self) -> str:
        where = f"{self.topic}-{self.partition}"
        return f"{where}: the broker refuses the records ({self.reason}); check max.message.bytes and other producers"


class ClientInUseError(KafkaError):
    """A connection to Kafka was used by two at once."""

    def __init__(self, address: str, owner: str) -> None:
        super().__init__(address, owner)
        self.address, self.owner = address, owner

    def __str__(self) -> str:
        return f"the client of Kafka at {self.address} belongs to {self.owner}; open a reader of your own, after a fork"


class OldFormatError(KafkaError):
    """The log holds messages from before Kafka 0.11: they are read one by one."""

    def __init__(self, topic: str, partition: int, version: int) -> None:
        super().__init__(topic, partition, version)
        self.topic, self.partition, self.version = topic, partition, version

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}: message format {self.version}; read it with PlainReader"


class OffsetsLostError(KafkaError):
    """Offsets that were planned are outside the log that the broker still has."""

    def __init__(self, topic: str, partition: int, wanted: int, available: tuple[int, int]) -> None:
        super().__init__(topic, partition, wanted, available)
        self.topic, self.partition, self.wanted, self.available = topic, partition, wanted, available

    def __str__(self) -> str:
        first, end = self.available
        return (
            f"{self.topic}-{self.partition}: offset {self.wanted} was planned, the log holds [{first}, {end}); "
            "an unclean election may have cut the log: bring the lost replica back; the batch waits for it"
        )


class UnaccountedError(KafkaError):
    """What came out of the log, and what the log says holds no record, do not make up what was planned."""

    def __init__(self, batch: str, offsets: int, rows: int, gaps: int) -> None:
        super().__init__(batch, offsets, rows, gaps)
        self.batch, self.offsets, self.rows, self.gaps = batch, offsets, rows, gaps

    def __str__(self) -> str:
        return (
            f"batch {self.batch}: {self.offsets} offsets, {self.rows} rows came out, and by the log's own headers "
            f"{self.gaps} offsets hold none; nothing of it is landed: the decoder is wrong, report it with the range"
        )


class TopicChangedError(KafkaError):
    """The topic's name now stands for another topic."""

    def __init__(self, topic: str, planned: str, found: str) -> None:
        super().__init__(topic, planned, found)
        self.topic, self.planned, self.found = topic, planned, found

    def __str__(self) -> str:
        return (
            f"{self.topic}: planned on topic id {self.planned}, the broker now has {self.found}; "
            "it was deleted and recreated: its old offsets mean other records now"
        )


class MalformedBatchError(KafkaError):
    """Bytes that claim to be a record batch are not one."""

    def __init__(self, topic: str, partition: int, offset: int, problem: str) -> None:
        super().__init__(topic, partition, offset, problem)
        self.topic, self.partition, self.offset, self.problem = topic, partition, offset, problem

    def __str__(self) -> str:
        where = f"{self.topic}-{self.partition} at offset {self.offset}"
        return f"{where}: {self.problem}; check the broker's disk and the network"


class LedgerError(PlatformError):
    """The ledger refused what was asked of it."""


class FencedError(LedgerError):
    """A newer writer has taken this pipeline over; this one must stop."""

    def __init__(self, where: str, ours: int, theirs: int) -> None:
        super().__init__(where, ours, theirs)
        self.where, self.ours, self.theirs = where, ours, theirs

    def __str__(self) -> str:
        return f"{self.where}: epoch {self.theirs} took over from {self.ours}; nothing to do, the newer run goes on"


class LedgerLostError(LedgerError):
    """The ledger does not know what the tables hold: it was lost, or restored from before it."""

    def __init__(self, pipeline: str, batch: str) -> None:
        super().__init__(pipeline, batch)
        self.pipeline, self.batch = pipeline, batch

    def __str__(self) -> str:
        return (
            f"pipeline {self.pipeline}: the tables record batch {self.batch}, which this ledger has not planned: it "
            "was lost, or restored from an old backup; nothing is written until `ap ledger rebuild` has run on an "
            "empty one"
        )


class TableError(PlatformError):
    """A table could not be read or written."""


class StaleError(TableError):
    """The table moved on after the decision was made; decide again on the new version."""

    def __init__(self, table: str, decided_on: int, found: int) -> None:
        super().__init__(table, decided_on, found)
        self.table, self.decided_on, self.found = table, decided_on, found

    def __str__(self) -> str:
        return f"{self.table}: decided on version {self.decided_on}, found {self.found}; re-read and decide again"


class BronzeLostError(TableError):
    """Bronze does not hold what was landed: files were removed or damaged."""

    def __init__(self, batch: str, landed: int, found: int) -> None:
        super().__init__(batch, landed, found)
        self.batch, self.landed, self.found = batch, landed, found

    def __str__(self) -> str:
        return (
            f"batch {self.batch}: {self.landed} rows were landed, bronze holds {self.found}; "
            "nothing of it is published: restore the table's files from a backup"
        )


class BronzeChangedError(TableError):
    """Bronze holds other rows of a batch than were landed."""

    def __init__(self, batch: str, landed: int, found: int) -> None:
        super().__init__(batch, landed, found)
        self.batch, self.landed, self.found = batch, landed, found

    def __str__(self) -> str:
        return (
            f"batch {self.batch}: its manifest has bronze rows of content {self.landed:016x}, the table "
            f"{self.found:016x}; nothing is judged again: `ap table check` names the file, restore it from a backup"
        )


class DamagedTableError(TableError):
    """A table's log or files are not what was written."""

    def __init__(self, table: str, problem: str) -> None:
        super().__init__(table, problem)
        self.table, self.problem = table, problem

    def __str__(self) -> str:
        return f"table {self.table}: {self.problem}; `ap table check {self.table}` names what is damaged"


class UnrepairableError(TableError):
    """What was damaged is nowhere else; nothing has been changed."""

    def __init__(self, table: str, lost: Sequence[str]) -> None:
        super().__init__(table, lost)
        self.table, self.lost = table, tuple(lost)

    def __str__(self) -> str:
        return "\n    ".join(
            [f"table {self.table} cannot be repaired and was not changed; restore from a backup:", *self.lost]
        )


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


class LocalError(PlatformError):
    """A part that runs on this machine could not be installed or started."""

    def __init__(self, part: str, problem: str, remedy: str) -> None:
        super().__init__(part, problem, remedy)
        self.part, self.problem, self.remedy = part, problem, remedy

    def __str__(self) -> str:
        return f"{self.part}: {self.problem}; {self.remedy}"


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


class GitError(RegistryError):
    """Git refuses, and nothing was published."""

    def __init__(self, folder: str, problem: str, remedy: str) -> None:
        super().__init__(folder, problem, remedy)
        self.folder, self.problem, self.remedy = folder, problem, remedy

    def __str__(self) -> str:
        return f"git in {self.folder}: {self.problem}; {self.remedy}"


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


class PatchedError(RegistryError):
    """The registry may not write git here; what was asked for waits as a patch."""

    def __init__(self, subject: str, patch: str) -> None:
        super().__init__(subject, patch)
        self.subject, self.patch = subject, patch

    def __str__(self) -> str:
        remedy = f"review and `git apply` {self.patch}, then deploy it"
        return f"{self.subject}: this deployment does not write git; {remedy}"


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


class UnknownPersonError(RegistryError):
    """Whoever asks is nobody that the policy names."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem, self.remedy = problem, remedy

    def __str__(self) -> str:
        return f"{self.problem}; {self.remedy}"


class StillNeededError(RegistryError):
    """A version cannot be archived; `needed_by` names each thing that needs it."""

    def __init__(self, subject: str, version: int, needed_by: Sequence[str]) -> None:
        super().__init__(subject, version, needed_by)
        self.subject, self.version, self.needed_by = subject, version, tuple(needed_by)

    def __str__(self) -> str:
        return "\n    ".join([f"{self.subject} version {self.version} is still needed:", *self.needed_by])
