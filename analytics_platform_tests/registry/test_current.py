"""Which schemas a worker starts with, and what it says where there are none."""

import pytest

from analytics_platform.connection_string import as_login
from analytics_platform.errors import DeclarationError
from analytics_platform.postgres import connect
from analytics_platform.registry.current import current_schemas
from analytics_platform.settings import ROOT

SCHEMAS = ROOT / "schemas"


def test_a_role_that_may_not_change_schemas_waits_for_somebody_who_may(ledger, ledger_dsn):
    with connect(as_login(ledger_dsn, "ap_worker"), application="test") as worker:
        with pytest.raises(DeclarationError, match="bids: has no published schema in the registry"):
            current_schemas(worker, ["bids"], SCHEMAS)
        _, found = current_schemas(ledger, ["bids"], SCHEMAS)
        assert current_schemas(worker, ["bids"], SCHEMAS)[1] == found
