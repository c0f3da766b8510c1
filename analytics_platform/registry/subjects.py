"""Where a subject lies in the folder of schemas, and which subject lies there. Pure.

`bids-value` lies in `bids/value/`, `bids-key` in `bids/key/`; any other name, such as `auction_house.Money`, in
`auction_house.Money/schema/`. What a file system may not like is percent-encoded.
"""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, unquote

from analytics_platform.facts import SchemaFormat

SUFFIXES = {SchemaFormat.AVRO: ".avsc", SchemaFormat.JSON: ".json"}
FILES = (
    "ids.lock",
    "registry.yaml",
    "governance.yaml",
    "consumers.yaml",
    "privacy.yaml",
    "retention.yaml",
)  # that lie beside the folders of subjects
LONGEST = 200  # of a folder's name; file systems take 255 bytes


class Kind(StrEnum):
    """Which of its folder's three possible subjects a subject is."""

    VALUE = "value"
    KEY = "key"
    SCHEMA = "schema"


@dataclass(frozen=True, slots=True)
class Home:
    """A subject's folder within the folder of schemas, and its kind."""

    folder: str
    kind: Kind

    @property
    def subject(self) -> str:
        """The subject's name."""
        base = unquote(self.folder)
        return base if self.kind is Kind.SCHEMA else f"{base}-{self.kind}"

    @property
    def subject_file(self) -> str:
        """The file with the states of the folder's versions."""
        return f"{self.folder}/subject.yaml"

    def path(self, version: int, format_: SchemaFormat) -> str:
        """Where a version's text goes."""
        return f"{self.folder}/{self.kind}/{version}{SUFFIXES[format_]}"


def home_of(subject: str) -> Home:
    """Where the subject of that name lies."""
    for kind in (Kind.VALUE, Kind.KEY):
        base = subject.removesuffix(f"-{kind}")
        if base not in ("", subject):
            return Home(_encoded(base), kind)
    return Home(_encoded(subject), Kind.SCHEMA)


def unfit(subject: str) -> str | None:
    """What is wrong with a subject's name; None if it can be used."""
    if not subject or subject in (".", ".."):
        return "is empty" if not subject else "is a folder's own name"
    if any(ord(letter) < ord(" ") or ord(letter) == 127 for letter in subject):
        return "holds a control character"
    if subject.startswith(":."):
        return "names a context; this registry has the default one only"
    if len(_encoded(subject)) > LONGEST:
        return f"is longer than {LONGEST} characters once it is percent-encoded"
    return None


def _encoded(base: str) -> str:
    """Letters, digits, `_`, `-` and inner dots stay; no folder is hidden, or named as a file of ours."""
    encoded = quote(base, safe="")
    is_taken = encoded.startswith(".") or encoded in FILES
    return encoded.replace(".", "%2E") if is_taken else encoded
