"""One connection to Kafka with deadlines and our errors; the only module that knows kafka-python's private parts.

The manager and selector behind KafkaConsumer are private: hence kafka-python's bound in pyproject.toml, and the
tests of `fetch` against a real broker, which are their contract.
"""

import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from kafka import errors
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.protocol.metadata import MetadataRequest

from analytics_platform.errors import (
    AclMissingError,
    ClientInUseError,
    KafkaDeniedError,
    PlatformError,
    TopicMissingError,
    UnreachableError,
)
from analytics_platform.ingest.kafka.distrust import distrust, wrong_password
from analytics_platform.security.acl import Grant, Operation, topic_named
from analytics_platform.security.cluster import Cluster, for_kafka_python
from analytics_platform.security.denial import remedy_for
from analytics_platform.security.principal import principal_of

CONNECT_SECONDS = 3.0
NEVER = float("inf")
RETRY_SECONDS = 0.1
LONGEST_RESPONSE_BYTES = 1 << 30
REMEDY = "start the broker (`ap up`), or check AP_KAFKA_BOOTSTRAP"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicLayout:
    """A topic's id now, and the node that leads each partition (-1: none at the moment)."""

    id: UUID
    leaders: Mapping[int, int]


class Answer:
    """A response to come; requests are sent at once, so several can be under way."""

    def __init__(self, client: "Client", future: Any) -> None:
        self._client, self._future = client, future
        self._done = threading.Event()
        future.add_callback(lambda _: self._done.set())
        future.add_errback(lambda _: self._done.set())

    def wait(self, seconds: float) -> Any:
        """The response; UnreachableError when none has come within `seconds`."""
        if not self._done.wait(self._client.cut(seconds)):
            raise self._client.unreachable("no answer in time")
        if self._future.exception is not None:
            raise self._client.translated(self._future.exception)
        return self._future.value


class Client:
    """Connects when first used and again after a failure. One thread at a time, and created after a fork."""

    def __init__(self, cluster: Cluster | str, configuration: Mapping[str, Any] | None = None) -> None:
        self.cluster = Cluster.of(cluster)
        self.bootstrap = self.cluster.bootstrap
        self._given = dict(configuration or {})
        self._lock = threading.Lock()
        self._users: list[tuple[int, str]] = []  # the one thread, as often as it has entered
        self._pid = os.getpid()
        self._deadline = NEVER
        self._manager: KafkaConnectionManager | None = None
        self._closed = threading.Event()

    @property
    def configuration(self) -> dict[str, Any]:
        """How kafka-python connects, besides the address; a password is read anew, for it may have changed."""
        return {**for_kafka_python(self.cluster), **self._given}

    @contextmanager
    def used(self, seconds: float = NEVER) -> Generator[None]:
        """Nobody else may use it meanwhile; every wait inside is cut to what is left of `seconds`.

        Raises ClientInUseError: requests of two threads, or of two processes over one connection, would end in
        the wrong hands.
        """
        self._enter()
        outer, self._deadline = self._deadline, min(self._deadline, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._deadline = outer
            with self._lock:
                self._users.pop()

    def cut(self, seconds: float) -> float:
        """So many seconds, or what is left of those that the present use may take."""
        return max(0.0, min(seconds, self._deadline - time.monotonic()))

    def send(self, request: Any, node: int | None = None, *, seconds: float = CONNECT_SECONDS) -> Answer:
        """Send to a node (any, if None); the connection counts as broken when no answer comes in `seconds`."""
        manager = self._connected()
        wait_ms = int(seconds * 1000)
        return Answer(self, manager.call_soon(lambda: manager.send(request, node, request_timeout_ms=wait_ms)))

    def topics(self, names: Iterable[str]) -> dict[str, TopicLayout]:
        """What the named topics are now; raises TopicMissingError, KafkaDeniedError, UnreachableError."""
        wanted = [MetadataRequest.MetadataRequestTopic(name=name) for name in names]
        request = MetadataRequest(topics=wanted, allow_auto_topic_creation=False, min_version=10)
        response = self.send(request).wait(CONNECT_SECONDS)
        self._connected().cluster.update_metadata(response)  # so that it knows the leaders' addresses
        for each in response.topics:
            self.check(each.error_code, Grant(Operation.DESCRIBE, topic_named(each.name)))
        return {
            each.name: TopicLayout(
                id=UUID(str(each.topic_id)), leaders={p.partition_index: p.leader_id for p in each.partitions}
            )
            for each in response.topics
        }

    def brokers(self) -> list[int]:
        """The nodes of the cluster; raises UnreachableError."""
        response = self.send(MetadataRequest(topics=[], min_version=1)).wait(CONNECT_SECONDS)
        self._connected().cluster.update_metadata(response)  # so that it knows their addresses
        return sorted(broker.node_id for broker in response.brokers)

    def check(self, code: int, needed: Grant, said: str | None = None) -> None:
        """Raise what an error code in a response means, to somebody who needed that; UnreachableError if it may pass.

        Where the broker has `said` why, what is not retriable is refused for good.
        """
        error, what = errors.for_code(code), needed.resource
        if error is errors.UnknownTopicOrPartitionError:
            raise TopicMissingError(what.name)
        if issubclass(error, errors.AuthorizationError):
            raise AclMissingError(self.principal, str(needed), remedy_for(self.principal, needed))
        if error is errors.InvalidTopicError or (said and not issubclass(error, errors.RetriableError)):
            raise KafkaDeniedError(str(what), f"{error.__name__}: {said}" if said else error.__name__)
        if error is not errors.NoError:
            raise self.unreachable(f"{what}: {error.__name__}")

    def patiently(self, attempt: Callable[[], T], seconds: float) -> T:
        """The result of an attempt, repeated over a new connection while it raises UnreachableError."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return attempt()
            except UnreachableError:
                self.disconnect()
                if time.monotonic() + RETRY_SECONDS > min(deadline, self._deadline) or self._closed.wait(RETRY_SECONDS):
                    raise

    def pause(self, seconds: float) -> None:
        """Wait before another attempt; ends at once when the client is closed."""
        self._closed.wait(self.cut(seconds))

    def unreachable(self, reason: str) -> UnreachableError:
        """The error that says that this broker does not do its work."""
        return UnreachableError("Kafka", self.bootstrap, reason, REMEDY)

    def translated(self, error: BaseException) -> Exception:
        """What kafka-python raised, in our words."""
        if isinstance(error, errors.SaslAuthenticationFailedError):
            return wrong_password(self.cluster)
        if isinstance(error, errors.AuthorizationError):
            return KafkaDeniedError(f"Kafka at {self.bootstrap}", str(error))
        return self.unreachable(f"{type(error).__name__}: {error}")

    @property
    def principal(self) -> str:
        """Whom the broker takes us for."""
        return principal_of(self.cluster)

    def disconnect(self) -> None:
        """Drop the connection; the next use makes a new one, from the bootstrap address."""
        manager, self._manager = self._manager, None
        if manager is not None:
            _end(manager)

    def close(self) -> None:
        """Disconnect for good."""
        self._closed.set()
        self.disconnect()

    def _enter(self) -> None:
        me = (threading.get_ident(), threading.current_thread().name)
        with self._lock:
            if os.getpid() != self._pid:
                raise ClientInUseError(self.bootstrap, f"process {self._pid}")
            if self._users and self._users[0] != me:
                raise ClientInUseError(self.bootstrap, f"thread {self._users[0][1]}")
            self._users.append(me)

    def _connected(self) -> KafkaConnectionManager:
        if self._closed.is_set():
            raise self.unreachable("the client was closed")
        if self._manager is None:
            self._manager = self._connect()
        return self._manager

    def _connect(self) -> KafkaConnectionManager:
        configuration = {
            "bootstrap_servers": self.bootstrap,
            "request_timeout_ms": int(CONNECT_SECONDS * 1000),
            "socket_connection_setup_timeout_ms": int(CONNECT_SECONDS * 1000),
            "receive_message_max_bytes": LONGEST_RESPONSE_BYTES,
            **self.configuration,
        }
        selector = NetworkSelector(**configuration)
        manager = KafkaConnectionManager(selector, **configuration)
        selector.start()
        try:
            Answer(self, manager.bootstrap_async(timeout_ms=int(CONNECT_SECONDS * 1000))).wait(CONNECT_SECONDS)
        except PlatformError as error:
            _end(manager)
            if (reason := distrust(self.cluster)) is None:
                raise
            raise reason from error
        return manager


def _end(manager: KafkaConnectionManager) -> None:
    manager.close()
    manager._net.close()
