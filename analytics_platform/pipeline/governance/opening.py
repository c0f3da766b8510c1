"""A desk and a gate over whoever changes the registry: the ledger's facts, its commits, git's signatures."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import psycopg

from analytics_platform.governance.identity import people_of_roles, person_at, person_named
from analytics_platform.governance.policy import Person
from analytics_platform.governance.store import LedgerFacts
from analytics_platform.ledger.postgres.alarms import raise_once
from analytics_platform.pipeline.admission import Judge, judge_of
from analytics_platform.pipeline.governance.acts import open_proposal
from analytics_platform.pipeline.governance.desk import CLIENT, NOBODY, Case, Desk, policy_of
from analytics_platform.pipeline.governance.gate import Gate, Opens
from analytics_platform.product import Catalog
from analytics_platform.registry.git import REGISTRY, Author, Edit, Repository
from analytics_platform.registry.publish import Registrar
from analytics_platform.registry.snapshot import Snapshot
from analytics_platform.registry.texts import Proposed
from analytics_platform.security import token_store
from analytics_platform.security.asker import STRANGER, Asker, bounded

WHY = "registered by a client"


def desk_of(registrar: Registrar, declared: Catalog = NOBODY) -> Desk:
    """The desk of a registrar; acts on it belong within `registrar.decide`."""

    def write(edits: Mapping[str, Edit], message: str, who: Person | None) -> None:
        author = Author(who.name, who.email) if who and who.email else REGISTRY
        registrar.write(edits, message, message.removeprefix("schemas: "), author)

    repository = Repository.reading(registrar.folder)
    desk = Desk(
        folder=registrar.folder,
        facts=LedgerFacts(registrar.connection),
        write=write,
        declared=declared,
        tell=lambda kind, key, body: _tell(registrar.connection, kind, key, body),
    )
    return replace(desk, signer_of=repository.signer_of) if repository else desk


def _tell(connection: psycopg.Connection, kind: str, key: str, body: Mapping[str, str]) -> None:
    """Into the outbox, once; `alerts` delivers it."""
    raise_once(connection, kind, key, body, datetime.now(UTC))


def judge_for(
    registrar: Registrar, declared: Catalog, who: Person | None = None, *, asker: str = CLIENT, opens: bool = True
) -> Judge:
    """What decides on a publish by that person, by the policy as it is then; None: `asker` is nobody of the policy.

    Where votes are missing, a proposal is opened, unless `opens` says no.
    """
    desk = replace(desk_of(registrar, declared), asker=asker)

    def opened(case: Case, _: Snapshot, proposed: Proposed) -> None:
        open_proposal(desk, case, proposed, who, WHY)

    wanted: Opens | None = opened if opens else None
    return judge_of(declared, Gate(desk=desk, number_for=registrar.number_for, opens=wanted).permit)


def voter(registrar: Registrar, token: str) -> Person:
    """The person whose token it is. Raises TokenError, UnknownPersonError."""
    name = token_store.bearer_of(registrar.connection, token, datetime.now(UTC)).name
    return person_named(policy_of(registrar.folder), name)


def asker_of(registrar: Registrar, token: str) -> Asker:
    """Who asks, with the roles that they have now; a stranger without a token. Raises TokenError."""
    if not token:
        return STRANGER
    asker = token_store.bearer_of(registrar.connection, token, datetime.now(UTC))
    return bounded(asker, people_of_roles(policy_of(registrar.folder)))


def caller(registrar: Registrar, token: str) -> Person | None:
    """Who asks from this machine: by token, else by git's configuration here."""
    if token:
        return voter(registrar, token)
    repository = Repository.reading(registrar.folder)
    return person_at(policy_of(registrar.folder), repository.address() if repository else "")
