"""Changes settings of a running broker, and makes it read again the files that they name."""

from collections.abc import Mapping

from kafka.protocol.admin import IncrementalAlterConfigsRequest

from analytics_platform.ingest.kafka.client import Client
from analytics_platform.security.acl import CLUSTER, Grant, Operation

BROKER, SET = 4, 0  # a type of resource, and what is done to its settings
ANSWER_SECONDS = 10.0


def set_on_brokers(client: Client, settings: Mapping[str, str]) -> None:
    """Set them on every broker; what is set to what it was before is read again.

    Raises AclMissingError, KafkaDeniedError, UnreachableError.
    """
    resource = IncrementalAlterConfigsRequest.AlterConfigsResource
    entries = [
        resource.AlterableConfig(name=name, config_operation=SET, value=value) for name, value in settings.items()
    ]
    for node in client.brokers():
        wanted = resource(resource_type=BROKER, resource_name=str(node), configs=entries)
        request = IncrementalAlterConfigsRequest(resources=[wanted], validate_only=False)
        for each in client.send(request, node, seconds=ANSWER_SECONDS).wait(ANSWER_SECONDS).responses:
            client.check(each.error_code, Grant(Operation.ALTER_CONFIGS, CLUSTER), each.error_message)
