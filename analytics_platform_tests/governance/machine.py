"""A state machine that proposes, edits, votes, forges, restarts and moves the clock, beside an oracle of its own."""

import shutil
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from analytics_platform.errors import ForbiddenError, IncompatibleError, NotEntitledError, UnapprovedError
from analytics_platform.facts import SchemaFormat
from analytics_platform.governance.approval import Approval
from analytics_platform.governance.files import Place, vote_text
from analytics_platform.pipeline.admission import judge_of
from analytics_platform.pipeline.governance.acts import break_glass, open_proposal, review
from analytics_platform.pipeline.governance.desk import NOBODY, Desk
from analytics_platform.pipeline.governance.evidence import Evidence
from analytics_platform.pipeline.governance.gate import Gate
from analytics_platform.pipeline.governance.proposals import case_at
from analytics_platform.pipeline.governance.voting import approve, reject, withdraw
from analytics_platform.registry.lock import VersionState
from analytics_platform.registry.numbers import waiting
from analytics_platform.registry.schema import digest_of
from analytics_platform.registry.snapshot import Snapshot, Text, Version
from analytics_platform.registry.texts import Draft, Proposed, identity_text, propose
from analytics_platform_tests.governance.campaigns import CAMPAIGNS, Campaign, Way, contents, people
from analytics_platform_tests.governance.memory_facts import MemoryFacts
from analytics_platform_tests.governance.oracle import Glass, Vote, allows, asks_somebody, classes_of
from analytics_platform_tests.governance.policies import PEOPLE, POLICIES, START, Content

SUBJECT, FOLDER = "r-value", "r"
NOTHING_FOUND = Evidence(changes=(), differences=(), breaks=())
SEEN: Counter[str] = Counter()  # what was let through and what was not, over all examples


class Governed(RuleBasedStateMachine):
    """One subject, its folder, its facts; and the oracle's record."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="governed-"))
        self.now, self.facts = START, MemoryFacts()
        self.signers: dict[str, str] = {}
        self.texts: dict[str, Content] = {}
        self.published: list[Content] = []
        self.votes: list[Vote] = []
        self.glasses: list[Glass] = []
        self.proposers: dict[Content, set[str]] = {}
        self.policy: dict[str, Any] | None = None
        self.unlawful: list[str] = []

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @initialize(policy=st.sampled_from(range(len(POLICIES))), first=contents)
    def begin(self, policy: int, first: Content) -> None:
        (self.folder / FOLDER / "value").mkdir(parents=True)
        (self.folder / FOLDER / "subject.yaml").write_text("owner: team:r\n")
        self._put(1, first)
        self._published(1, first)
        self.change_policy(policy)

    # What people do.

    @rule(policy=st.sampled_from(range(len(POLICIES))))
    def change_policy(self, policy: int) -> None:
        self.policy = POLICIES[policy]
        file = self.folder / "governance.yaml"
        file.unlink(missing_ok=True)
        if self.policy is not None:
            file.write_text(yaml.safe_dump(self.policy, sort_keys=False))

    @rule(hours=st.sampled_from([-30, -2, 1, 3, 5, 25, 60, 130]))
    def move_the_clock(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def restart(self) -> None:
        self.facts = MemoryFacts(list(self.facts.lines))

    @rule(who=st.one_of(st.none(), people), content=contents)
    def propose(self, who: str | None, content: Content) -> None:
        desk, proposed = self._desk(), self._proposed(content)
        if self._is_held(content):
            return
        person = desk.policy().people.get(who) if who else None
        open_proposal(desk, self._case(desk, proposed), proposed, person, "why not")
        if person:
            self.proposers.setdefault(content, set()).add(person.name)

    @precondition(lambda self: self._waits())
    @rule(content=contents, data=st.data(), who=st.one_of(st.none(), people))
    def edit_by_hand(self, content: Content, data: Any, who: str | None) -> None:
        if waits := sorted(waiting(self.folder, SUBJECT)):
            self._put(data.draw(st.sampled_from(waits)), content, signed=who)

    @rule(data=st.data(), who=people)
    def claim_to_be_the_author(self, data: Any, who: str) -> None:
        files = sorted((self.folder / FOLDER).glob("proposals/*/proposal.yaml"))
        if files:
            self._claim(int(data.draw(st.sampled_from(files)).parent.name.rpartition("-")[2]), who)

    def _claim(self, number: int, who: str) -> None:
        file = self.folder / Place(FOLDER, "value", number).proposal
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "author": who}, sort_keys=False))

    @rule(campaign=CAMPAIGNS)
    def campaign(self, campaign: Campaign) -> None:
        """From the proposal to the attempt in one go, rightly or not, so that many examples come far."""
        content = campaign.content
        if self._is_held(content):
            return
        self.propose(campaign.author, content)
        if campaign.denies:
            self._claim(self._number(self._proposed(content)), campaign.denies)
        desk = self._desk()
        review(desk, self._case(desk, self._proposed(content)), None, NOTHING_FOUND)
        for by, seat, way in campaign.votes:
            if way in (Way.BY_ACT, Way.TAKEN_BACK):
                self._approve(content, by, seat)
                if way is Way.TAKEN_BACK:
                    self._take_back_and_restore(content, by, seat or by)
            else:
                self._vote_by_hand(content, {Way.OWN_HAND: by, Way.FORGED: None}.get(way, "ben"), by, seat or by)
        if campaign.glass:
            self._break_glass(content, campaign.glass, 3)
        if campaign.edited and not self._is_held(campaign.edited):
            self._put(self._number(self._proposed(content)), campaign.edited)
            content = campaign.edited
            self._proposed(content)
        self.now += timedelta(hours=campaign.hours)
        self._publish(content, opens=False)

    @precondition(lambda self: self._waits())
    @rule(data=st.data())
    def review(self, data: Any) -> None:
        if content := self._some_draft(data):
            desk = self._desk()
            review(desk, self._case(desk, self._proposed(content)), None, NOTHING_FOUND)

    @precondition(lambda self: self._waits())
    @rule(data=st.data(), who=people, seat=st.one_of(st.none(), people))
    def approve(self, data: Any, who: str, seat: str | None) -> None:
        if content := self._some_draft(data):
            self._approve(content, who, seat)

    def _approve(self, content: Content, who: str, seat: str | None) -> None:
        desk = self._desk()
        person = desk.policy().people.get(who)
        if person is None:
            return
        try:
            vote = approve(desk, self._case(desk, self._proposed(content)), person, seat)
        except (ForbiddenError, NotEntitledError):
            return
        self.votes.append(Vote(self._change(content), vote.seat, who, self.now))

    @precondition(lambda self: self._waits())
    @rule(data=st.data(), who=people, seat=st.one_of(st.none(), people), is_no=st.booleans())
    def reject_or_withdraw(self, data: Any, who: str, seat: str | None, is_no: bool) -> None:
        if content := self._some_draft(data):
            self._take_back(content, who, seat, is_no=is_no)

    def _take_back(self, content: Content, who: str, seat: str | None, *, is_no: bool) -> None:
        desk = self._desk()
        person = desk.policy().people.get(who)
        if person is None:
            return
        try:
            case = self._case(desk, self._proposed(content))
            said = reject(desk, case, person, "no", seat) if is_no else withdraw(desk, case, person, seat)
        except (ForbiddenError, NotEntitledError):
            return
        change = self._change(content)
        self.votes = [vote for vote in self.votes if (vote.change, vote.seat) != (change, said.seat)]

    def _take_back_and_restore(self, content: Content, who: str, seat: str) -> None:
        """Somebody puts the file of a vote back that was taken back, and git still knows it from whom it was."""
        desk = self._desk()
        path = self._case(desk, self._proposed(content)).place.vote(seat)
        before = (self.folder / path).read_text() if (self.folder / path).exists() else ""
        self._take_back(content, who, seat, is_no=False)
        if before:
            (self.folder / path).write_text(before)
            self.signers[path] = PEOPLE[who]["email"]

    @precondition(lambda self: self._waits())
    @rule(data=st.data(), writer=st.one_of(st.none(), people), by=people, seat=people)
    def vote_by_hand(self, data: Any, writer: str | None, by: str, seat: str) -> None:
        if content := self._some_draft(data):
            self._vote_by_hand(content, writer, by, seat)

    def _vote_by_hand(self, content: Content, writer: str | None, by: str, seat: str) -> None:
        """Write a vote's file; it is really theirs if they committed it themselves and have no token."""
        desk = self._desk()
        case = self._case(desk, self._proposed(content))
        vote = Approval(digest=case.proposal.change.digest, seat=seat, by=by, at=self.now)
        place = self.folder / case.place.vote(seat)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(vote_text(vote, PEOPLE[by]["email"]))
        self.signers.pop(case.place.vote(seat), None)
        if writer:
            self.signers[case.place.vote(seat)] = PEOPLE[writer]["email"]
        if writer == by and "known_by" not in PEOPLE[by]:
            self.votes.append(Vote(self._change(content), seat, by, self.now))

    @precondition(lambda self: self._waits())
    @rule(data=st.data(), who=people, hours=st.integers(1, 9))
    def break_glass(self, data: Any, who: str, hours: int) -> None:
        if content := self._some_draft(data):
            self._break_glass(content, who, hours)

    def _break_glass(self, content: Content, who: str, hours: int) -> None:
        desk = self._desk()
        person = desk.policy().people.get(who)
        if person is None:
            return
        try:
            glass = break_glass(
                desk, self._case(desk, self._proposed(content)), person, "the house burns", timedelta(hours=hours)
            )
        except (ForbiddenError, NotEntitledError):
            return
        self.glasses.append(Glass(self._change(content), who, self.now, glass.until))

    @precondition(lambda self: self._waits())
    @rule(data=st.data())
    def publish_what_waits(self, data: Any) -> None:
        if content := self._some_draft(data):
            self._publish(content, opens=False)

    @rule(content=contents, opens=st.booleans())
    def publish(self, content: Content, opens: bool) -> None:
        self._publish(content, opens=opens)

    def _publish(self, content: Content, *, opens: bool) -> None:
        if self._is_held(content):
            return
        desk, proposed = self._desk(), self._proposed(content)
        number, change = self._number(proposed), self._change(content)
        authors = self._authors(content, number)
        lawful = allows(self.policy, change, self.now, self.votes, self.glasses, authors)
        gate = Gate(
            desk=desk,
            number_for=lambda _, proposed: self._number(proposed),
            opens=(lambda case, _, new: open_proposal(desk, case, new, None, "")) if opens else None,
        )
        try:
            judge_of(NOBODY, gate.permit)(self._snapshot(), SUBJECT, proposed)
        except (UnapprovedError, IncompatibleError):
            SEEN["refused, rightly" if not lawful else "refused, although the oracle allows it"] += 1
            return
        asked = "after votes" if self.policy and asks_somebody(self.policy, change[2], self.now) else "unasked"
        SEEN[f"published {asked}" if lawful else "published unlawfully"] += 1
        if not lawful:
            self.unlawful.append(f"{content} after {self.published[-1]} by {self.policy} at {self.now}")
        self._put(number, content, signed=None)
        self._published(number, content)

    @invariant()
    def nothing_was_published_that_its_policy_did_not_approve(self) -> None:
        assert self.unlawful == []

    # What the machine is made of.

    def _desk(self) -> Desk:
        """A new one each time: a process remembers nothing."""
        return Desk(
            folder=self.folder, facts=self.facts, write=self._write, signer_of=self.signers.get, now=lambda: self.now
        )

    def _write(self, edits: Any, _: str, __: Any) -> None:
        for path, edit in edits.items():
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(edit(place.read_text() if place.exists() else None))
            self.signers.pop(path, None)  # the registry's commit, not a person's

    def _proposed(self, content: Content) -> Proposed:
        draft = Draft(subject=SUBJECT, format=SchemaFormat.AVRO, body=content.text())
        found = propose(draft, lambda _: None)
        self.texts[found.sha256] = content
        return found

    def _snapshot(self) -> Snapshot:
        versions = []
        for number, content in enumerate(self.published, 1):
            found = self._proposed(content)
            text = Text(id=number, guid=UUID(int=number), sha256=found.sha256, format=found.format, body=found.body)
            versions.append(Version(subject=SUBJECT, version=number, text=text, state=VersionState.PUBLISHED))
        return Snapshot(subjects={SUBJECT: tuple(versions)}, texts={v.text.id: v.text for v in versions})

    def _case(self, desk: Desk, proposed: Proposed) -> Any:
        return case_at(desk, self._snapshot(), SUBJECT, proposed, self._number(proposed))

    def _number(self, proposed: Proposed) -> int:
        found = waiting(self.folder, SUBJECT)
        same = [n for n, draft in found.items() if digest_of(identity_text(draft.body, ())) == proposed.sha256]
        later = [n for n in same if n > len(self.published)]
        return min(later) if later else 1 + max(len(self.published), *found, 0)

    def _put(self, number: int, content: Content, signed: str | None = None) -> None:
        path = Place(FOLDER, "value", number).folder + f"/value/{number}.avsc"
        (self.folder / path).write_text(content.text())
        self.signers.pop(path, None)
        if signed:
            self.signers[path] = PEOPLE[signed]["email"]

    def _published(self, number: int, content: Content) -> None:
        """Versions are counted without gaps here: what waits behind is given up."""
        for other in waiting(self.folder, SUBJECT):
            if other != number:
                (self.folder / FOLDER / "value" / f"{other}.avsc").unlink()
        self.published.append(content)
        text = "owner: team:r\nversions:\n"
        text += "".join(f"  {each}: {{state: published}}\n" for each in range(1, len(self.published) + 1))
        (self.folder / FOLDER / "subject.yaml").write_text(text)
        lock = "schemas:\n" + "".join(
            f"  - {{id: {n}, subject: {SUBJECT}, version: {n}, guid: {UUID(int=n)}, sha256: {'a' * 64}, path: p{n}}}\n"
            for n in range(1, len(self.published) + 1)
        )
        (self.folder / "ids.lock").write_text(lock)

    def _waits(self) -> bool:
        """Whether there is a draft: versions are counted without gaps here."""
        return len(list((self.folder / FOLDER / "value").iterdir())) > len(self.published)

    def _some_draft(self, data: Any) -> Content | None:
        found = waiting(self.folder, SUBJECT)
        if not found:
            return None
        draft = found[data.draw(st.sampled_from(sorted(found)))]
        content = self.texts.get(digest_of(identity_text(draft.body, ())))
        return None if content is None or self._is_held(content) else content

    def _is_held(self, content: Content) -> bool:
        return content in self.published

    def _change(self, content: Content) -> tuple[Content | None, Content, frozenset[str]]:
        before = self.published[-1]
        return before, content, classes_of(before, content)

    def _authors(self, content: Content, number: int) -> set[str]:
        signer = self.signers.get(f"{FOLDER}/value/{number}.avsc")
        committed = {name for name, about in PEOPLE.items() if about["email"] == signer}
        return self.proposers.get(content, set()) | committed
