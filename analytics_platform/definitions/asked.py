"""Who asked for a run, and how that is known, as tags. Pure, and cheap to import."""

from collections.abc import Mapping

from dagster._core.storage.tags import BACKFILL_ID_TAG, SCHEDULE_NAME_TAG, SENSOR_NAME_TAG

ASKED_TAG = "platform/asked-by"
KNOWN_TAG = "platform/known-by"
PLANNER = {ASKED_TAG: "planner", KNOWN_TAG: "sensor"}
NO_PROXY = "account that runs the UI, to which nobody signs in"
MOST_CHARACTERS = 100  # of a name: what somebody sends as a header may be anything


def asked_at_the_ui(user: str | None, header: str, account: str) -> dict[str, str]:
    """The tags of what was asked for at the UI, by whom the proxy says; without a proxy by whoever runs the UI.

    They replace what was there: a repetition carries the tags of the run before, and people may write any.
    """
    if not header:
        return {ASKED_TAG: account, KNOWN_TAG: NO_PROXY}
    name = "".join(letter for letter in user or "" if letter.isprintable()).strip()[:MOST_CHARACTERS]
    return {ASKED_TAG: name or "nobody known", KNOWN_TAG: f"header {header}" if name else f"no header {header}"}


def asked_elsewhere(tags: Mapping[str, str], account: str) -> dict[str, str]:
    """The tags that are missing of a run that was not asked for at the UI: none where it has a name."""
    if ASKED_TAG in tags:
        return {}
    for tag, what in ((SENSOR_NAME_TAG, "sensor"), (SCHEDULE_NAME_TAG, "schedule"), (BACKFILL_ID_TAG, "backfill")):
        if tag in tags:
            return {ASKED_TAG: tags[tag], KNOWN_TAG: what}
    return {ASKED_TAG: account, KNOWN_TAG: "account on this machine"}
