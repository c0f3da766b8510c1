"""Where proposals lie and are decided on: the folder of schemas, the facts, and whoever writes both. Touches files.

A file is a claim. It counts where the ledger has the fact of it, or where git knows it from the person it names.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from analytics_platform.errors import ForbiddenError
from analytics_platform.governance.approval import Approval, BrokenGlass, Proposal, Standing, standing
from analytics_platform.governance.change import Change
from analytics_platform.governance.consumers import CONSUMERS_FILE, Consumer, parse_consumers
from analytics_platform.governance.files import Place, ProposalFile, parse_proposal, parse_vote
from analytics_platform.governance.policy import Person, Policy
from analytics_platform.governance.policy_file import POLICY_FILE, parse_policy
from analytics_platform.governance.record import Fact, Facts, Step, said_on
from analytics_platform.product import Catalog
from analytics_platform.registry.folder import read_text, text_if_there
from analytics_platform.registry.git import Edit
from analytics_platform.registry.subject_file import UNDECIDED, parse_subject
from analytics_platform.registry.subjects import SUFFIXES, home_of

Write = Callable[[Mapping[str, Edit], str, Person | None], None]  # edits of the folder, a message, who signs it
Tell = Callable[[str, str, Mapping[str, str]], None]  # a kind of note, what it is about, what else to know
CLIENT = "a client"  # where nobody says who they are
NOBODY = Catalog(pipelines={})


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _silently(_: str, __: str, ___: Mapping[str, str]) -> None:
    """Nobody listens."""


def _only_looks(_: Mapping[str, Edit], message: str, __: Person | None) -> None:
    raise ForbiddenError("schemas", f"are only looked at here, and not changed ({message})", "use `ap schema`")


def _nobody(_: str) -> str | None:
    return None


def policy_of(folder: Path) -> Policy:
    """The policy of a folder of schemas; the light one without a file."""
    return parse_policy(text_if_there(folder, POLICY_FILE))


def consumers_of_folder(folder: Path) -> list[Consumer]:
    """Whoever is registered in a folder of schemas; nobody without a file."""
    text = text_if_there(folder, CONSUMERS_FILE)
    return [] if text is None else parse_consumers(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A change with all that is known of the decision on it; `number` is the version that it would be.

    `against` are the rejections that stand: they allow nothing and forbid nothing, for the policy counts approvals.
    """

    number: int
    place: Place
    file: ProposalFile | None
    proposal: Proposal
    standing: Standing
    against: tuple[Fact, ...] = ()

    @property
    def is_reviewed(self) -> bool:
        """Whether this very change was reviewed."""
        return self.file is not None and self.file.reviewed == self.proposal.change.digest

    @property
    def name(self) -> str:
        """As people name it."""
        return f"{self.proposal.change.subject} version {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything that a decision needs. `signer_of` says whose commit a file of the folder is."""

    folder: Path
    facts: Facts
    write: Write = _only_looks
    declared: Catalog = NOBODY
    signer_of: Callable[[str], str | None] = _nobody
    now: Callable[[], datetime] = _utc_now
    tell: Tell = _silently
    asker: str = CLIENT  # who acts, where that is nobody of the policy

    def policy(self) -> Policy:
        """The policy as it is in this moment."""
        return policy_of(self.folder)

    def consumers(self) -> list[Consumer]:
        """Whoever is registered as reading something."""
        return consumers_of_folder(self.folder)

    def case(self, change: Change, number: int, policy: Policy) -> Case:
        """The decision on a change that would be that version."""
        home = home_of(change.subject)
        place = Place(home.folder, home.kind, number)
        file, facts = self.proposal(place), self.facts.of(change.subject)
        proposal = self._signed(Proposal(change=change, owner=self.owner(change.subject)), place, file, facts, policy)
        votes = [vote for vote, doubt in self.votes(place, facts, policy) if doubt is None]
        found = standing(policy, proposal, votes, _glass(facts), self.now())
        last = [said[-1] for said in said_on(facts, number, change.digest).values()]
        against = tuple(fact for fact in last if fact.step is Step.REJECTED)
        return Case(number=number, place=place, file=file, proposal=proposal, standing=found, against=against)

    def owner(self, subject: str) -> str:
        """Whose the subject is."""
        home = home_of(subject)
        if not (self.folder / home.subject_file).exists():
            return UNDECIDED
        return parse_subject(read_text(self.folder, home.subject_file), home.subject_file, home.kind).owner

    def proposal(self, place: Place) -> ProposalFile | None:
        """What lies there; None if nothing."""
        if not (self.folder / place.proposal).exists():
            return None
        return parse_proposal(read_text(self.folder, place.proposal), place.proposal)

    def votes(self, place: Place, facts: list[Fact], policy: Policy) -> Iterator[tuple[Approval, str | None]]:
        """Each approval that lies there, with why it is not believed, if so."""
        for file in sorted((self.folder / place.votes).glob("*.yaml")):
            path = f"{place.votes}/{file.name}"
            vote = parse_vote(read_text(self.folder, path), path)
            if vote is None:
                continue
            said = said_on(facts, place.version, vote.digest).get(vote.seat, [])
            fact = _fact_of(vote, said)
            yield (replace(vote, at=fact.at) if fact else vote), self._doubt(vote, path, said, policy)

    def _doubt(self, vote: Approval, path: str, said: Sequence[Fact], policy: Policy) -> str | None:
        person = policy.people.get(vote.by)
        if path.rpartition("/")[2] != f"{vote.seat}.yaml":
            return f"{path} is on the seat of {vote.seat}"
        if person is None:
            return f"nobody is called {vote.by}"
        if _fact_of(vote, said) is not None:
            return None
        if said and vote.at <= max(fact.at for fact in said):
            return f"{path} is older than what the ledger knows to have been said on that seat"
        if person.needs_token:
            return f"the ledger does not know that {vote.by} gave it with their token"
        if not person.email or self.signer_of(path) != person.email:
            return f"{path} is in no commit of {vote.by} <{person.email}>"
        return None

    def _signed(
        self, proposal: Proposal, place: Place, file: ProposalFile | None, facts: list[Fact], policy: Policy
    ) -> Proposal:
        """The proposal with its authors: who proposed this text, who committed it, and who the file says it was."""
        change = proposal.change
        proposed = {
            fact.who for fact in facts if fact.step is Step.PROPOSED and fact.details.get("text") == change.text
        }
        texts = [home_of(change.subject).path(place.version, format_) for format_ in SUFFIXES]
        signers = {self.signer_of(path) for path in texts if (self.folder / path).exists()} - {None, ""}
        committed = {person.name for person in policy.people.values() if person.email in signers}
        known = (proposed | committed) & policy.people.keys()
        said = {file.author} if file and file.author else set()
        return replace(proposal, authors=frozenset(known | proposed | said), is_signed=bool(known))


def _fact_of(vote: Approval, said: Sequence[Fact]) -> Fact | None:
    """The newest fact of that vote among what was said on its seat, unless it was taken back since."""
    for fact in reversed(said):
        if fact.step is not Step.APPROVED:
            return None
        if fact.who == vote.by:
            return fact
    return None


def _glass(facts: list[Fact]) -> list[BrokenGlass]:
    """The permissions that were given; those that are over too."""
    return [
        BrokenGlass(
            digest=fact.digest,
            by=fact.who,
            at=fact.at,
            until=datetime.fromisoformat(fact.details["until"]),
            reason=fact.details["reason"],
        )
        for fact in facts
        if fact.step is Step.GLASS_BROKEN
    ]
