"""Whether whoever calls may do what an endpoint does: asked before it answers, and written down."""

from datetime import UTC, datetime
from urllib.parse import unquote

from analytics_platform.errors import TokenError
from analytics_platform.governance.identity import token_in
from analytics_platform.pipeline.governance.opening import asker_of
from analytics_platform.registry.publish import Registrar
from analytics_platform.security import access_log
from analytics_platform.security.asker import STRANGER, Wanted
from analytics_platform.service.endpoint import Call, Endpoint

SENDING = "send `Authorization: Bearer TOKEN`; `ap token issue` makes one"


def require_permission(endpoint: Endpoint, call: Call) -> None:
    """Let the call through, or raise TokenError, or NotEntitledError; a refusal is a fact before it is an answer."""
    if endpoint.action is None or (endpoint.is_known and endpoint.is_known(call)):
        return
    target = unquote("/".join(call.segments.values()), errors="replace") or endpoint.path
    wanted = Wanted(action=endpoint.action, target=target, via=f"{endpoint.method} {endpoint.path}")
    call.registry.change(lambda registrar: _admit(registrar, wanted, token_in(call.authorization)))


def _admit(registrar: Registrar, wanted: Wanted, token: str) -> None:
    now = datetime.now(UTC)
    try:
        asker = asker_of(registrar, token)
    except TokenError as error:
        access_log.record_bad_token(registrar.connection, wanted, error, now)
        raise
    if asker is STRANGER:
        error = TokenError(f"to {wanted.action} takes a token", SENDING)
        access_log.record_bad_token(registrar.connection, wanted, error, now)
        raise error
    access_log.admit(registrar.connection, asker, wanted, now)
