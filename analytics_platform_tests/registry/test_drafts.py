"""A stream whose schema is a draft is declared, and breaks nothing that is in use."""

from datetime import timedelta

import pytest

from analytics_platform.catalog import catalog_of
from analytics_platform.product import Model, Stream, Window
from analytics_platform.registry.drafts import drafts, without_drafts


def stream(name, pipeline):
    return Stream(name=name, topic=name, pipeline=pipeline, description="", owner="team:a")


def model(name, **inputs):
    return Model(
        name=name,
        pipeline="shop",
        description="",
        owner="team:a",
        sql="",
        inputs=tuple(inputs),
        touches={key: column for key, column in inputs.items() if column},
        grain=Window(column="minute", size=timedelta(minutes=1)),
    )


DECLARED = catalog_of(
    [
        stream("orders", "shop"),
        stream("returns", "shop"),
        stream("edits", "wiki"),
        model("revenue", orders=None),
        model("refunds", orders=None, returns=None),
        model("refunds_by_hour", refunds="minute"),
    ]
)


@pytest.fixture
def schemas(tmp_path):
    """By stream, the states of its versions."""

    def write(**states):
        for name, found in states.items():
            (tmp_path / name).mkdir()
            lines = [f"  {number}: {{state: {state}}}" for number, state in enumerate(found, start=1)]
            (tmp_path / name / "subject.yaml").write_text("\n".join(["owner: team:a", "versions:", *lines]))
        return tmp_path

    return write


def test_a_draft_is_left_out_with_the_models_that_read_it_and_a_pipeline_of_nothing_else(schemas):
    folder = schemas(orders=["published"], returns=["draft"], edits=["draft", "draft"])

    used = without_drafts(DECLARED, folder)

    assert drafts(DECLARED, folder) == ["returns", "edits"]
    assert (set(used.streams), set(used.models), set(used.pipelines)) == ({"orders"}, {"revenue"}, {"shop"})


def test_a_stream_with_one_published_version_is_no_draft(schemas):
    folder = schemas(orders=["published"], returns=["published", "draft"], edits=["deprecated"])

    assert without_drafts(DECLARED, folder) is DECLARED


def test_a_stream_whose_schema_cannot_be_read_is_no_draft(tmp_path):
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "subject.yaml").write_text("versions: [")

    assert drafts(DECLARED, tmp_path) == []
