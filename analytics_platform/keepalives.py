"""How soon a connection to Postgres notices that the other side is gone, as libpq takes it.

The lock of a machine that lost its power is freed within 25 s. Harmless on a Unix socket.
"""

KEEPALIVES = {
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",  # milliseconds
}
