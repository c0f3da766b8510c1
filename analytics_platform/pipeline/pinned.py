"""A stream as it was declared when something was pinned. Asks the ledger, where that is not today's."""

from analytics_platform.facts import Pins
from analytics_platform.ledger import contract
from analytics_platform.ledger.postgres import contracts
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Stream


def under_pins(name: str, pins: Pins, parts: Parts) -> Stream:
    """The stream as it was declared when the contract was pinned; with no contract as it is today."""
    stream = parts.pipeline.stream(name)
    if pins.contract_digest in ("", contract.digest(stream)):
        return stream
    return contract.under(stream, contracts.contract(parts.ledger, pins.contract_digest))
