"""Short ways to write schemas in tests."""

import json

from analytics_platform.facts import SchemaFormat
from analytics_platform.registry.compatibility import SchemaText


def avro(source, *references):
    text = source if isinstance(source, str) else json.dumps(source)
    return SchemaText(format=SchemaFormat.AVRO, text=text, references=references)


def json_(source, *references):
    text = source if isinstance(source, str) else json.dumps(source)
    return SchemaText(format=SchemaFormat.JSON, text=text, references=references)


def record(*fields, name="Event", **more):
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(type_, name="f", **more):
    return {"name": name, "type": type_, **more}
