"""What is wrong with a topic, its records or the broker that serves them. Pure."""

from analytics_platform.errors.root import PlatformError


class KafkaError(PlatformError):
    """Kafka answered, but not with what was asked for."""


class TopicMissingError(KafkaError):
    """The topic does not exist, or we may not know that it does."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self.topic = topic

    def __str__(self) -> str:
        return f"topic {self.topic} does not exist; `ap access apply` makes each topic that a stream declares"


class KafkaDeniedError(KafkaError):
    """The broker answers, and does not let us do this."""

    def __init__(self, what: str, reason: str, remedy: str = "check what is asked for") -> None:
        super().__init__(what, reason, remedy)
        self.what, self.reason, self.remedy = what, reason, remedy

    def __str__(self) -> str:
        return f"{self.what}: the broker refuses ({self.reason}); {self.remedy}"


class AclMissingError(KafkaDeniedError):
    """The broker knows who we are, and no ACL lets us do this."""

    def __init__(self, principal: str, grant: str, remedy: str) -> None:
        super().__init__(f"{principal} may not {grant}", "no ACL allows it", remedy)
        self.args = (principal, grant, remedy)
        self.principal, self.grant = principal, grant


class NoAuthorizerError(KafkaError):
    """The broker lets everybody do everything."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address

    def __str__(self) -> str:
        return (
            f"Kafka at {self.address} has no authorizer: everybody may do everything; set authorizer.class.name="
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer, and leave allow.everyone.if.no.acl.found false"
        )


class DistrustError(KafkaError):
    """The broker and we do not agree on who the other is, or on how to speak to each other."""

    def __init__(self, address: str, problem: str, remedy: str) -> None:
        super().__init__(address, problem, remedy)
        self.address, self.problem, self.remedy = address, problem, remedy

    def __str__(self) -> str:
        return f"Kafka at {self.address}: {self.problem}; {self.remedy}"


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
