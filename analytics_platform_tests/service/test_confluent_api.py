"""The page on the registry's interface is what the code does, and nothing that Confluent publishes is left out."""

import re

from analytics_platform.service.about import openapi
from analytics_platform.service.app import ENDPOINTS
from analytics_platform.service.errors import Code
from analytics_platform.settings import ROOT
from analytics_platform_tests.service.confluent_api import (
    CODES,
    CODES_NOT_DONE,
    NOT_DONE,
    PUBLISHED,
    code_rows,
    endpoint_rows,
)

OURS = {  # beyond what Confluent has
    "GET /health",
    "GET /proposals",
    "GET /proposals/{subject}/{version}",
    "POST /proposals/{subject}/{version}/votes",
    "DELETE /proposals/{subject}/{version}/votes",
}


def test_each_published_endpoint_is_done_or_has_its_reason():
    done = {f"{endpoint.method} {endpoint.path}" for endpoint in ENDPOINTS}

    assert done - OURS == PUBLISHED.keys() - NOT_DONE.keys()


def test_each_error_code_is_answered_or_has_its_reason():
    answered = {int(code) for code in Code if code >= 1000}

    assert CODES.keys() == (answered - {42209}) | CODES_NOT_DONE.keys()


def test_the_page_has_both_tables():
    page = (ROOT / "docs" / "registry-api.md").read_text()

    assert [row for row in [*endpoint_rows(), *code_rows()] if row not in page] == []


def test_the_openapi_document_names_each_endpoint_its_parameters_and_its_codes():
    document = openapi(ENDPOINTS)

    for endpoint in ENDPOINTS:
        operation = document["paths"][endpoint.path][endpoint.method.lower()]
        named = {(each["in"], each["name"]) for each in operation["parameters"]}
        wanted = {("path", name) for name in re.findall(r"{(\w+)}", endpoint.path)}
        assert named == wanted | {("query", name) for name in endpoint.query}
        said = " ".join(each["description"] for each in operation["responses"].values())
        assert [code for code in endpoint.codes if str(int(code)) not in said] == []
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(set(ids)) == len(ids)
