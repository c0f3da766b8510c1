"""The people, groups and policies that the state machine and its oracle know, and what they may propose. Pure."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
PEOPLE = {
    "ana": {"email": "ana@x"},
    "ben": {"email": "ben@x"},
    "cem": {"email": "cem@x", "known_by": "token"},
    "dora": {"email": "dora@x"},
}
GROUPS = {"team:r": ["ana", "ben"], "board": ["ben", "cem", "dora"], "steward": ["dora"]}
EVERYTHING = ["documentation", "compatible", "breaking", "personal-data"]
NEVER = {"subjects": "*", "changes": ["lake-breaking"], "approve": "refused"}
WITH_PEOPLE = {"people": PEOPLE, "groups": GROUPS}
POLICIES: list[dict[str, Any] | None] = [
    None,
    {
        **WITH_PEOPLE,
        "author_may_approve": True,
        "rules": [
            {"subjects": "*", "changes": ["breaking"], "approve": ["owner"]},
            {"subjects": "*", "changes": ["documentation", "compatible", "personal-data"], "approve": "automatic"},
            NEVER,
        ],
    },
    {
        **WITH_PEOPLE,
        "approvals_last_days": 5,
        "break_glass": {"roles": ["board"], "hours": 4},
        "delegations": [
            {"from": "dora", "to": "ana", "since": START + timedelta(days=2), "until": START + timedelta(days=9)}
        ],
        "rules": [
            {"subjects": "r-*", "changes": ["breaking"], "approve": [{"role": "board", "quorum": 2}]},
            {"subjects": "*", "changes": ["personal-data"], "approve": ["owner", "steward"]},
            {"subjects": "*", "changes": ["compatible"], "approve": ["owner"]},
            {"subjects": "*", "changes": ["documentation"], "approve": "automatic"},
            {"subjects": "*", "changes": ["breaking", "lake-breaking"], "approve": "refused"},
        ],
    },
    {
        **WITH_PEOPLE,
        "exceptions": [
            {"changes": ["compatible"], "approve": "automatic", "until": START + timedelta(days=3), "reason": "move"}
        ],
        "rules": [{"subjects": "*", "changes": EVERYTHING, "approve": [{"role": "board", "quorum": 3}]}, NEVER],
    },
    {
        **WITH_PEOPLE,
        "approvals_last_days": 1,
        "rules": [
            {"subjects": "*", "changes": ["documentation", "compatible", "personal-data"], "approve": ["owner"]},
            {"subjects": "*", "changes": ["breaking", "lake-breaking"], "approve": "refused"},
        ],
    },
]


class Content(NamedTuple):
    """A schema by what may differ."""

    doc: str
    extra: str  # "", "plain" or "personal"
    type: str  # of the field that is always there

    def text(self) -> str:
        fields: list[dict[str, Any]] = [{"name": "a", "type": self.type, "doc": self.doc}]
        if self.extra:
            fields.append({"name": self.extra, "type": "int", "default": 0, "pii": "person"})
        if self.extra == "plain":
            fields[-1]["pii"] = "none"
        return json.dumps({"type": "record", "name": "R", "fields": fields})


CONTENTS = [
    Content(doc, extra, kind) for doc in "xy" for extra in ("", "plain", "personal") for kind in ("long", "string")
]
