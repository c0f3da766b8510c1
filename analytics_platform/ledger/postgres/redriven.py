"""Up to which change of the registry a pipeline's rows in unknown schemas were looked for."""

import psycopg

REMEMBER = """
    insert into redriven (pipeline, change) values (%s, %s)
    on conflict (pipeline) do update set change = greatest(redriven.change, excluded.change)
"""


def looked_up_to(connection: psycopg.Connection, pipeline: str) -> int:
    """The change; -1 if they were never looked for."""
    row = connection.execute("select change from redriven where pipeline = %s", [pipeline]).fetchone()
    return row[0] if row else -1


def remember(connection: psycopg.Connection, pipeline: str, change: int) -> None:
    """They were looked for with the schemas of that change."""
    connection.execute(REMEMBER, [pipeline, change])
