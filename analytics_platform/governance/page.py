"""The page about who must agree to what, made from the policy so that it cannot lie. Pure."""

from collections.abc import Iterator
from datetime import timedelta

from analytics_platform.governance.change import ChangeClass
from analytics_platform.governance.policy import OWNER, BreakGlass, Need, Person, Policy, Rule, Verdict
from analytics_platform.product.severity import ASKS, LONG_OVERDUE, Freshness, Impact, Readers, severity_of

MEANINGS = {
    ChangeClass.DOCUMENTATION: "other words about the same fields",
    ChangeClass.COMPATIBLE: "readers, writers, silver and models go on",
    ChangeClass.PERSONAL_DATA: "a field comes, goes or changes that is personal data",
    ChangeClass.BREAKING: "readers or writers of other versions are hurt",
    ChangeClass.LAKE_BREAKING: "silver's table or a model cannot follow; no approval changes that",
}
TOUCHED = {
    Readers.UNTOUCHED: "notice nothing",
    Readers.LACKING: "lack rows that are held back, frozen or not computed",
    Readers.WRONG: "are served what is not so, or rows are lost",
}
HEAD = """\
# Governance

<!-- Made by `ap schema policy --into docs/governance.md` from schemas/governance.yaml; `make lint` compares them. -->

Who must agree to a change of a schema before it is published. How: [approve-a-schema.md](approve-a-schema.md).
"""


def page_of(policy: Policy) -> str:
    """The page, in Markdown."""
    return "\n".join([HEAD, *_rules(policy), *_people(policy), *_terms(policy), *_severities()]).rstrip() + "\n"


def _rules(policy: Policy) -> Iterator[str]:
    yield "## Rules\n"
    yield "A change may be in several classes; each is decided by the first row that fits it.\n"
    yield "| subjects | changes | who agrees |"
    yield "|---|---|---|"
    for each in policy.exemptions:
        yield f"{_row(each.rule)} until {each.until:%Y-%m-%d %H:%M} UTC: {each.reason} |"
    for rule in policy.rules:
        yield f"{_row(rule)} |"
    yield ""
    yield "| class | means |"
    yield "|---|---|"
    for change, meaning in MEANINGS.items():
        yield f"| {change} | {meaning} |"
    yield ""


def _row(rule: Rule) -> str:
    changes = ", ".join(change for change in MEANINGS if change in rule.changes)
    return f"| `{rule.subjects}` | {changes} | {_who(rule)}"


def _who(rule: Rule) -> str:
    if rule.verdict is Verdict.AUTOMATIC:
        return "nobody is asked"
    if rule.verdict is Verdict.REFUSED:
        return "refused, whoever asks"
    return " and ".join(_need(need) for need in rule.needs)


def _need(need: Need) -> str:
    role = "the subject's owner" if need.role == OWNER else need.role
    return f"{need.quorum} of {role}" if need.quorum > 1 else role


def _people(policy: Policy) -> Iterator[str]:
    yield "## People\n"
    if not policy.people:
        yield "Nobody is named: no rule asks for anybody.\n"
        return
    yield "| who | are |"
    yield "|---|---|"
    for role, names in sorted(policy.roles.items()):
        yield f"| {role} | {', '.join(names)} |"
    for group, members in sorted(policy.groups.items()):
        yield f"| {group} | {', '.join(sorted(members))} |"
    yield ""
    for person in policy.people.values():
        yield f"- {person.name}: known by {_known(person)}"
    for each in policy.delegations:
        yield f"- {each.giver}'s seat is lent to {each.taker} until {each.until:%Y-%m-%d %H:%M} UTC"
    yield ""


def _known(person: Person) -> str:
    return "a token" if person.needs_token else f"a token, or commits by {person.email}"


def _terms(policy: Policy) -> Iterator[str]:
    yield "## Terms\n"
    author = "may approve" if policy.author_may_approve else "must not approve"
    yield f"- Who wrote a change {author} it."
    yield f"- A vote is for the exact change, and holds for {_days(policy.approvals_last)}."
    if not policy.author_may_approve:
        yield "- A change whose author nobody knows needs two people at least."
    yield f"- What breaks at level {policy.at_least} is breaking, whatever level a subject asks for itself."
    yield f"- A deprecated version has {_days(policy.sunset)}, unless its sunset says otherwise."
    yield _glass(policy.break_glass)
    waits = policy.escalation
    yield f"- What has waited for {_hours(waits.after)} goes to {waits.to}." if waits else "- Nobody is escalated to."
    again = f"is to be looked at again by {policy.review_by}" if policy.review_by else "has no day of review"
    yield f"- This policy {again}."


def _severities() -> Iterator[str]:
    yield "\n## Severity\n"
    yield "How bad an incident is; alerts carry it as `sev`. Personal data where it must not be is always SEV1.\n"
    yield f"| readers | on time | later than promised | later than {LONG_OVERDUE} times that |"
    yield "|---|---|---|---|"
    for readers, words in TOUCHED.items():
        found = (severity_of(Impact(readers=readers, freshness=freshness)) for freshness in Freshness)
        yield f"| {words} | {' | '.join(found)} |"
    yield ""
    for sev, asked in ASKS.items():
        yield f"- {sev}: {asked}."


def _glass(rule: BreakGlass | None) -> str:
    if rule is None:
        return "- Nobody may break glass."
    said = f"for a reason, for one change, for {_hours(rule.lasts)} at most; an alert tells of it"
    return f"- Glass is broken by {', '.join(rule.roles)}: {said}."


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):g} days"


def _hours(span: timedelta) -> str:
    return f"{span / timedelta(hours=1):g} hours"
