"""Secrets in text that should hold none: by the form that each kind has. Pure; a finding never holds what was found."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

MARK = "not a secret"  # at the end of a line that only looks like one
LONGEST_LINE = 20_000  # what is longer is no line that a person wrote
KINDS: Mapping[str, re.Pattern[str]] = {
    "a token of this platform": re.compile(r"\bap_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\b"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?!\\?[\"'])"),
    "an access key of AWS": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a token of GitHub": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})\b"),
    "a token of Slack": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{20,}"),
    "a signed web token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
    "a password in a URL": re.compile(
        r"\b[a-z][a-z0-9+.-]*://[^\s:/@'\"{}<>]+:(?P<secret>[^\s:/@'\"{}<>$*]{8,})@[\w.-]+"
    ),
    "a secret that is assigned": re.compile(
        r"(?i)\b\w*(?:password|passwd|secret|api_?key|private_?key|access_?token)\w*[\"']?\s*[:=]\s*"
        r"[\"'](?P<secret>[A-Za-z0-9+/_=.-]{16,})[\"']"
    ),
}
LEAST_VARIETY = 8  # different letters of what is meant to be guessed by nobody


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """Where something looks like a secret, and what kind it is."""

    place: str
    line: int
    kind: str

    def __str__(self) -> str:
        return f"{self.place}:{self.line}: {self.kind}; take it out and make another, or end the line with `{MARK}`"


def findings(place: str, lines: Iterable[str]) -> Iterator[Finding]:
    """Everything in those lines that looks like a secret."""
    for number, line in enumerate(lines, 1):
        if len(line) <= LONGEST_LINE and MARK not in line:
            for kind, pattern in KINDS.items():
                if any(_is_likely(found) for found in pattern.finditer(line)):
                    yield Finding(place=place, line=number, kind=kind)


def holders(secrets: Mapping[str, str], places: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Which of those texts (by place) hold which of those secrets (by name), which are known."""
    for place, text in places:
        for name, secret in secrets.items():
            if secret and secret in text:
                yield place, name


def _is_likely(found: re.Match[str]) -> bool:
    """Whether it is more than a word that stands for one: `changeme`, `your-password`."""
    secret = found.groupdict().get("secret")
    if secret is None:
        return True
    has_digit_and_letter = any(c.isdigit() for c in secret) and any(c.isalpha() for c in secret)
    return has_digit_and_letter and len(set(secret)) >= LEAST_VARIETY
