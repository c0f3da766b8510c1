"""Rows are kept as long as the strictest of their stream and their tags allows; a slip of the pen is an error."""

import json
from datetime import timedelta

import pytest

from analytics_platform.errors import DeclarationError
from analytics_platform.registry.retention_file import retention_in

TAGGED = {"persons": ("email", "name"), "bids": ("none", "person"), "auctions": ("none",)}


def folder(tmp_path, text):
    """Streams with a field for each tag, the first of which is said in subject.yaml and not in the schema."""
    for stream, (first, *others) in TAGGED.items():
        (tmp_path / stream / "value").mkdir(parents=True)
        fields = [{"name": f"f{n}", "type": "string", "pii": tag} for n, tag in enumerate(others)]
        fields += [{"name": "first", "type": "string"}]
        (tmp_path / stream / "value" / "1.avsc").write_text(
            json.dumps({"type": "record", "name": "R", "fields": fields})
        )
        about = f"versions: {{1: {{state: published}}}}\nfields: {{first: {{pii: {first}}}}}\n"
        (tmp_path / stream / "subject.yaml").write_text(about)
    if text is not None:
        (tmp_path / "retention.yaml").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "days"),
    [
        (None, {}),
        ("days_by_stream: {bids: 30}", {"bids": 30}),
        ("days_by_tag: {email: 7}", {"persons": 7}),
        ("days_by_tag: {name: 7, person: 9}", {"persons": 7, "bids": 9}),
        (
            "days_by_stream: {persons: 30, bids: 2}\ndays_by_tag: {email: 7, name: 90, person: 9}",
            {"persons": 7, "bids": 2},
        ),
    ],
)
def test_the_shortest_of_a_stream_and_its_tags_counts(tmp_path, text, days):
    assert retention_in(folder(tmp_path, text)) == {stream: timedelta(days=n) for stream, n in days.items()}


def test_a_draft_that_nobody_has_agreed_to_deletes_nothing(tmp_path):
    schema_dir = folder(tmp_path, "days_by_tag: {payment: 7}")
    fields = [{"name": "first", "type": "string"}, {"name": "card", "type": "string", "pii": "payment"}]
    draft = {"type": "record", "name": "R", "fields": fields}
    (schema_dir / "bids" / "value" / "2.avsc").write_text(json.dumps(draft))
    subject = schema_dir / "bids" / "subject.yaml"
    subject.write_text(subject.read_text().replace("published}}", "published}, 2: {state: draft}}"))
    assert retention_in(schema_dir) == {}
    subject.write_text(subject.read_text().replace("draft", "published"))
    assert retention_in(schema_dir) == {"bids": timedelta(days=7)}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("days_by_tag: {mail: 7}", "retention.yaml: days_by_tag says 'mail'; there are email, name, person"),
        ("days_by_tag: {none: 7}", "days_by_tag says 'none'"),
        ("days_by_stream: {bid: 7}", "days_by_stream says 'bid'; there are auctions, bids, persons"),
        ("days_by_stream: {bids: 0}", "bids is kept for 0; write how many days, 1 to 36,500"),
        ("days_by_stream: {bids: yes}", "bids is kept for True"),
        ("days_by_stream: {bids: 1.5}", "bids is kept for 1.5"),
        ("days_by_stream: {bids: 99999999999}", "bids is kept for 99999999999"),
        ("days_by_stream: [bids]", "days_by_stream is"),
        ("streams: {bids: 7}", "says streams; write `days_by_stream:` or `days_by_tag:`"),
    ],
)
def test_what_cannot_be_meant_is_an_error(tmp_path, text, problem):
    with pytest.raises(DeclarationError, match=r"retention\.yaml") as caught:
        retention_in(folder(tmp_path, text))
    assert problem in str(caught.value)
