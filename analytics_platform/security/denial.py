"""What to write where, so that somebody may do what a broker has just refused them. Pure."""

from analytics_platform.security.access_file import ACCESS_FILE
from analytics_platform.security.acl import USER, Grant, Kind, Operation
from analytics_platform.security.parts import PartName

ANONYMOUS = "User:ANONYMOUS"  # whom the broker does not ask who they are
APPLY = "then `ap access apply`"
LISTS = {
    (Kind.TOPIC, Operation.READ): "reads",
    (Kind.TOPIC, Operation.DESCRIBE): "reads",
    (Kind.TOPIC, Operation.WRITE): "writes",
    (Kind.GROUP, Operation.READ): "groups",
    (Kind.TRANSACTIONAL_ID, Operation.WRITE): "transactions",
    (Kind.TRANSACTIONAL_ID, Operation.DESCRIBE): "transactions",
}


def remedy_for(principal: str, grant: Grant) -> str:
    """The line to add, and where."""
    name = principal.removeprefix(USER)
    if principal == ANONYMOUS:
        return "show who you are: set AP_KAFKA_PROTOCOL and a certificate, or a user and a password"
    if name in set(PartName):
        return "a part may do what the declared streams make it need: `ap access apply` brings that to the cluster"
    listed = LISTS.get((grant.resource.kind, grant.operation))
    if listed:
        line = f"{listed}: [{grant.resource.name}]"
    elif grant.operation is Operation.DESCRIBE and grant.resource.kind is Kind.GROUP:
        line = "like: operator"
    else:
        line = "like: admin"
    return f"in {ACCESS_FILE} add `{line}` to `principals: {name}:`, {APPLY}"
