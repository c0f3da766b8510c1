"""One machine: a real broker, a real Postgres and the processes beside them. Production needs none of it."""
