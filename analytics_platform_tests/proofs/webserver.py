"""What the UI does, by the webserver's GraphQL: launch, look, terminate."""

import http.client
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

SECONDS = 60.0
JOB = {"jobName": "auction_house", "repositoryName": "__repository__", "repositoryLocationName": "analytics_platform"}
TERMINATE = """mutation($run: String!) {terminateRun(runId: $run) {__typename
  ... on TerminateRunFailure {message} ... on PythonError {message}}}"""
LAUNCH = """mutation($params: ExecutionParams!) {launchRun(executionParams: $params) {__typename
  ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}
  ... on RunConfigValidationInvalid {errors {message}}}}"""
STATUS = """query($run: ID!) {runOrError(runId: $run) {... on Run {status
  eventConnection {events {... on MessageEvent {message}}}}}}"""


def ask(port: int, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The data of the answer. Raises LookupError where the webserver refuses."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        body = json.dumps({"query": query, "variables": variables})
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if answer.get("errors"):
        raise LookupError(str(answer["errors"])[:500])
    return answer["data"]


def terminate(port: int, run_id: str) -> str:
    """Press Terminate; what the UI was told."""
    return ask(port, TERMINATE, {"run": run_id})["terminateRun"]["__typename"]


def launch(port: int, **tags: str) -> str:
    """Launch the demo's job for this hour with these tags; the run."""
    hour = datetime.now(UTC).strftime("%Y-%m-%d-%H:00")
    wanted = {"dagster/partition": hour, **tags}
    metadata = {"tags": [{"key": key, "value": value} for key, value in wanted.items()]}
    params = {"selector": JOB, "executionMetadata": metadata, "runConfigData": {}}
    said = ask(port, LAUNCH, {"params": params})["launchRun"]
    if "run" not in said:
        raise LookupError(str(said))
    return said["run"]["runId"]


def status(port: int, run_id: str) -> tuple[str, list[str]]:
    """A run's status, and what its events say."""
    run = ask(port, STATUS, {"run": run_id})["runOrError"]
    return run["status"], [event["message"] for event in run["eventConnection"]["events"] if event.get("message")]
