"""The ledger's tables in Postgres: planning, leases, dirty grains, publishing. Functions take the connection."""
