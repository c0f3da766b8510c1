"""What is wrong with the policy, its page and open proposals as they lie in git; no database is asked. Only reads."""

from collections.abc import Iterator
from pathlib import Path

from analytics_platform.errors import PlatformError
from analytics_platform.governance.files import Place, parse_glass, parse_proposal, parse_vote
from analytics_platform.governance.page import page_of
from analytics_platform.governance.policy import Policy
from analytics_platform.governance.policy_file import POLICY_FILE
from analytics_platform.pipeline.governance.desk import policy_of
from analytics_platform.pipeline.governance.proposals import is_open, proposal_folders
from analytics_platform.registry.folder import read_text
from analytics_platform.registry.git import Repository

PAGE_REMEDY = "`ap schema policy --into docs/governance.md`"
Signer = Repository | None


def faults(folder: Path, page: Path | None = None) -> list[str]:
    """Each fault with its remedy; `page` is the page that must be what the policy says, if there is one."""
    try:
        policy = policy_of(folder)
    except PlatformError as error:
        return [str(error)]
    found = []
    if page and not (page.exists() and page.read_text(encoding="utf-8") == page_of(policy)):
        found.append(f"{page.name}: is not what {POLICY_FILE} says; {PAGE_REMEDY}")
    return [*found, *_of_proposals(folder, policy)]


def _of_proposals(folder: Path, policy: Policy) -> Iterator[str]:
    """Of those that are open: what was decided under older policies stays as it is."""
    repository = Repository.reading(folder)
    for base, place in proposal_folders(folder):
        if place is None:
            yield f"{base.relative_to(folder)}: is no proposal; name it <kind>-<version>"
            continue
        try:
            if is_open(folder, place):
                yield from _of_proposal(folder, place, policy, repository)
        except PlatformError as error:
            yield str(error)


def _of_proposal(folder: Path, place: Place, policy: Policy, repository: Signer) -> Iterator[str]:
    proposal = parse_proposal(read_text(folder, place.proposal), place.proposal)
    if (folder / place.glass).exists():
        parse_glass(read_text(folder, place.glass), place.glass)
    for file in sorted((folder / place.votes).glob("*.yaml")):
        path = f"{place.votes}/{file.name}"
        vote = parse_vote(read_text(folder, path), path)
        if vote is None:
            continue
        person = policy.people.get(vote.by)
        if person is None or vote.seat not in policy.people:
            yield f"{path}: {vote.by} votes for {vote.seat}, and one of them is not in {POLICY_FILE}; delete it"
        elif not policy.author_may_approve and proposal.author in (vote.by, vote.seat):
            yield f"{path}: {proposal.author} wrote the change; somebody else must approve it"
        elif vote.digest != proposal.reviewed:
            yield f"{path}: is for another change than the one that was reviewed; review again, then approve again"
        elif not person.needs_token and repository and repository.signer_of(path) not in (person.email, None):
            yield f"{path}: was not committed by {vote.by} <{person.email}>; have them vote by `ap schema approve`"
