"""What Confluent publishes of its registry's interface, and what this registry does with each part of it.

The endpoints, query parameters and error codes are those of the OpenAPI document in confluentinc/schema-registry,
`core/generated/swagger-ui/schema-registry-api-spec.yaml` (8.4), with the codes of its `Errors.java`.
"""

from collections.abc import Mapping, Sequence

from analytics_platform.service.app import ENDPOINTS
from analytics_platform.service.errors import Code

PAGE = "offset limit"
PUBLISHED: Mapping[str, str] = {
    "GET /": "",
    "POST /": "",
    "GET /schemas": f"subjectPrefix aliases deleted latestOnly ruleType resourceType associationType lifecycle {PAGE}",
    "GET /schemas/ids/{id}": "subject format referenceFormat findTags fetchMaxId",
    "GET /schemas/ids/{id}/schema": "subject format",
    "GET /schemas/ids/{id}/subjects": f"subject deleted {PAGE}",
    "GET /schemas/ids/{id}/versions": f"subject deleted {PAGE}",
    "GET /schemas/guids/{guid}": "format",
    "GET /schemas/guids/{guid}/ids": "",
    "GET /schemas/types": "",
    "GET /subjects": f"subjectPrefix deleted deletedOnly {PAGE}",
    "POST /subjects/{subject}": "normalize format deleted",
    "DELETE /subjects/{subject}": "permanent",
    "GET /subjects/{subject}/metadata": "key value format deleted",
    "GET /subjects/{subject}/versions": f"deleted deletedOnly {PAGE}",
    "POST /subjects/{subject}/versions": "normalize format",
    "GET /subjects/{subject}/versions/{version}": "format referenceFormat deleted findTags",
    "DELETE /subjects/{subject}/versions/{version}": "permanent",
    "GET /subjects/{subject}/versions/{version}/schema": "format deleted",
    "GET /subjects/{subject}/versions/{version}/referencedby": f"deleted {PAGE}",
    "POST /subjects/{subject}/versions/{version}/tags": "",
    "POST /compatibility/subjects/{subject}/versions/{version}": "normalize verbose",
    "POST /compatibility/subjects/{subject}/versions": "normalize verbose",
    "GET /config": "defaultToGlobal",
    "PUT /config": "",
    "DELETE /config": "",
    "GET /config/{subject}": "defaultToGlobal",
    "PUT /config/{subject}": "",
    "DELETE /config/{subject}": "",
    "GET /mode": "defaultToGlobal",
    "PUT /mode": "force",
    "DELETE /mode": "recursive",
    "GET /mode/{subject}": "defaultToGlobal",
    "PUT /mode/{subject}": "force",
    "DELETE /mode/{subject}": "recursive",
    "GET /contexts": f"contextPrefix {PAGE}",
    "DELETE /contexts/{context}": "",
    "GET /v1/metadata/id": "",
    "GET /v1/metadata/version": "",
    "GET /v1/metadata/deployment": "",
    "POST /associations": "context dryRun",
    "POST /associations:batch": "context dryRun",
    "GET /associations/subjects/{subject}": f"resourceType associationType lifecycle {PAGE}",
    "GET /associations/resources/{resourceId}": f"resourceType associationType lifecycle {PAGE}",
    "PUT /associations/resources/{resourceId}": "context dryRun",
    "DELETE /associations/resources/{resourceId}": "resourceType associationType cascadeLifecycle dryRun",
    "GET /associations/resources/{resourceNamespace}/{resourceName}": f"resourceType associationType lifecycle {PAGE}",
}
NOT_DONE: Mapping[str, str] = {
    "GET /subjects/{subject}/metadata": "schemas have no key-value metadata here: owner and tags are in subject.yaml",
    "POST /subjects/{subject}/versions/{version}/tags": "tags are part of the schema and reviewed with it",
    "DELETE /contexts/{context}": "there is one context, the default one",
    "GET /v1/metadata/deployment": "a property of Confluent's own installations",
    "POST /associations": "which topic a schema belongs to is declared with its stream",
    "POST /associations:batch": "the same",
    "GET /associations/subjects/{subject}": "the same",
    "GET /associations/resources/{resourceId}": "the same",
    "PUT /associations/resources/{resourceId}": "the same",
    "DELETE /associations/resources/{resourceId}": "the same",
    "GET /associations/resources/{resourceNamespace}/{resourceName}": "the same",
}
IGNORED: Mapping[str, str] = {
    "aliases": "no aliases",
    "ruleType": "no rules",
    "resourceType": "no associations",
    "associationType": "no associations",
    "lifecycle": "no associations",
    "referenceFormat": "of Protobuf",
    "findTags": "no tags",
    "format": "registering and looking up: of Protobuf",
    "defaultToGlobal": "for all subjects there is nothing else to default to",
    "recursive": "modes of contexts",
    "contextPrefix": "one context",
}
CODES: Mapping[int, str] = {
    40401: "subject not found",
    40402: "version not found",
    40403: "schema not found",
    40404: "subject was soft-deleted",
    40405: "subject was not soft-deleted first",
    40406: "version was soft-deleted",
    40407: "version was not soft-deleted first",
    40408: "subject has no compatibility level of its own",
    40409: "subject has no mode of its own",
    40410: "association not found",
    40901: "incompatible schema",
    40902: "too many associations",
    40903: "association exists for the resource",
    40904: "association exists for the subject",
    40905: "strong association exists",
    40907: "no active version for an association",
    40908: "association is frozen",
    42201: "invalid schema or schema type",
    42202: "invalid version",
    42203: "invalid compatibility level",
    42204: "invalid mode",
    42205: "operation not permitted",
    42206: "references exist",
    42207: "id does not match",
    42208: "invalid subject",
    42209: "schema too large",
    42210: "invalid rule set",
    42211: "context not empty",
    42212: "invalid association",
    42213: "too many associations in a batch",
    50001: "backend failed",
    50002: "timed out",
    50003: "forwarding to the leader failed",
    50004: "leader unknown",
}
CODES_NOT_DONE: Mapping[int, str] = {
    **dict.fromkeys((40410, 40902, 40903, 40904, 40905, 40907, 40908, 42212, 42213), "no associations"),
    42207: "ids are given here only; a client cannot ask for one",
    42209: "a body beyond 1,000,000 bytes is refused before it is read: 413",
    42211: "one context",
    50002: "a publish waits for Postgres and git, and either answers",
    50003: "there is no leader: every instance writes through Postgres",
    50004: "the same",
}


def endpoint_rows() -> list[str]:
    """A line of the table for each published endpoint."""
    done = {f"{endpoint.method} {endpoint.path}": endpoint for endpoint in ENDPOINTS}
    rows = ["| endpoint | done | parameters | otherwise |", "|---|---|---|---|"]
    for name, query in PUBLISHED.items():
        endpoint = done.get(name)
        known = set(endpoint.query) if endpoint else set()
        taken = " ".join(f"`{each}`" for each in query.split() if each in known)
        left = ", ".join(f"`{each}`: {IGNORED[each]}" for each in query.split() if endpoint and each not in known)
        rows.append(f"| `{name}` | {'yes' if endpoint else 'no'} | {taken} | {NOT_DONE.get(name, left)} |")
    return rows


def code_rows() -> list[str]:
    """A line of the table for each error code."""
    known = {int(code) for code in Code}
    rows = ["| code | means | answered | otherwise |", "|---|---|---|---|"]
    for code, meaning in CODES.items():
        is_done = code in known and code not in CODES_NOT_DONE
        rows.append(f"| {code} | {meaning} | {'yes' if is_done else 'no'} | {CODES_NOT_DONE.get(code, '')} |")
    return rows


def tables() -> Sequence[str]:
    """Both, as docs/registry-api.md has them."""
    return [*endpoint_rows(), "", *code_rows()]
