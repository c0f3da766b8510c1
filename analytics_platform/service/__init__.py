"""The one HTTP service: the schema registry as Confluent's clients speak to it.

    bodies      what clients send, as typed values           pure
    answers     what they get, from a snapshot               pure
    errors      what went wrong, as status, code, message    pure
    registry    the snapshot that is served, kept current; and the connection that changes it
    subjects, schemas, compatibility, settings, about        the endpoints
    app, server routes, and uvicorn around them

Reads are answered from memory, by the event loop; changes wait for Postgres and git in a thread.
"""
