"""Every error this platform raises on purpose, drawn as one tree. Pure.

    PlatformError
    ├── SettingError            a setting is missing or malformed
    ├── DeclarationError        a stream, model or schema is declared wrongly
    ├── UnreachableError        a system does not answer
    │   └── RefusedError        a system is there, and does not let us in or is not who it should be
    ├── KafkaError
    │   ├── TopicMissingError   the topic does not exist
    │   ├── KafkaDeniedError    the broker answers and refuses
    │   │   └── AclMissingError no ACL lets us do this
    │   ├── NoAuthorizerError   the broker lets everybody do everything
    │   ├── DistrustError       the broker and we do not trust each other: certificates, passwords, TLS or none
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
    │   ├── ChangedProposalError    a vote is for another change than the one that is proposed
    │   ├── StillNeededError        a version cannot be archived: something that is kept needs it
    │   ├── PatchedError            this deployment does not write git: the change is a patch
    │   └── GitError                git does not take a schema
    ├── AccessError
    │   ├── TokenError          a token is missing, wrong, over or revoked
    │   ├── UnknownPersonError  nobody of the policy asks
    │   └── NotEntitledError    who asks is known, and may not do this
    ├── PrivacyError
    │   ├── KeyStoreError       keys of personal data cannot be read or written
    │   └── UnprotectedError    records could not be protected, and are not landed
    ├── WorkerError
    │   ├── NoWorkerError       no warm worker takes the run
    │   └── ForkUnsafeError     a process that forks has more than one thread
    └── LocalError              an embedded part cannot be installed or started

A finding about data (a bad row, a broken contract) is a return value, never an error.
"""

from analytics_platform.errors.access import AccessError, NotEntitledError, TokenError, UnknownPersonError
from analytics_platform.errors.privacy import KeyStoreError, PrivacyError, UnprotectedError
from analytics_platform.errors.root import (
    DeclarationError,
    LocalError,
    PlatformError,
    RefusedError,
    SettingError,
    UnreachableError,
)
from analytics_platform.errors.subjects import (
    ChangedProposalError,
    ForbiddenError,
    GitError,
    IncompatibleError,
    InvalidSchemaError,
    PatchedError,
    RegistryError,
    SchemaConflictError,
    SchemaStoreError,
    StillNeededError,
    UnapprovedError,
    UnsupportedFormatError,
)
from analytics_platform.errors.tables import (
    BronzeChangedError,
    BronzeLostError,
    DamagedTableError,
    FencedError,
    LedgerError,
    LedgerLostError,
    StaleError,
    TableError,
    UnrepairableError,
)
from analytics_platform.errors.topics import (
    AclMissingError,
    ClientInUseError,
    DistrustError,
    KafkaDeniedError,
    KafkaError,
    MalformedBatchError,
    NoAuthorizerError,
    OffsetsLostError,
    OldFormatError,
    ProduceRefusedError,
    TopicChangedError,
    TopicMissingError,
    UnaccountedError,
)
from analytics_platform.errors.workers import (
    ForkUnsafeError,
    NoWorkerError,
    WorkerError,
)

__all__ = [
    "AccessError",
    "AclMissingError",
    "BronzeChangedError",
    "BronzeLostError",
    "ChangedProposalError",
    "ClientInUseError",
    "DamagedTableError",
    "DeclarationError",
    "DistrustError",
    "FencedError",
    "ForbiddenError",
    "ForkUnsafeError",
    "GitError",
    "IncompatibleError",
    "InvalidSchemaError",
    "KafkaDeniedError",
    "KafkaError",
    "KeyStoreError",
    "LedgerError",
    "LedgerLostError",
    "LocalError",
    "MalformedBatchError",
    "NoAuthorizerError",
    "NoWorkerError",
    "NotEntitledError",
    "OffsetsLostError",
    "OldFormatError",
    "PatchedError",
    "PlatformError",
    "PrivacyError",
    "ProduceRefusedError",
    "RefusedError",
    "RegistryError",
    "SchemaConflictError",
    "SchemaStoreError",
    "SettingError",
    "StaleError",
    "StillNeededError",
    "TableError",
    "TokenError",
    "TopicChangedError",
    "TopicMissingError",
    "UnaccountedError",
    "UnapprovedError",
    "UnknownPersonError",
    "UnprotectedError",
    "UnreachableError",
    "UnrepairableError",
    "UnsupportedFormatError",
    "WorkerError",
]
