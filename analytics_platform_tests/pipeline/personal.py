"""Orders that are about persons: name, e-mail address and customer number, protected as a policy says."""

import json
import random
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import yaml

from analytics_platform.facts import Schema, SchemaFormat, StreamSchemas
from analytics_platform.product.privacy import Privacy, Treatment
from analytics_platform.security.privacy.key_files import KeyFiles
from analytics_platform_tests.fakes import FakeKafka, FakeRecord
from analytics_platform_tests.pipeline.orders import PROPERTIES, SHOP, START, kafka_with, opened

TEXT = {"type": "string"}
FIELDS = {"customer": {"type": "integer"}, "name": TEXT, "mail": TEXT, **PROPERTIES}
READER = Schema(
    id=1,
    guid=UUID(int=1),
    subject="orders-value",
    version=1,
    format=SchemaFormat.JSON,
    text=json.dumps({"type": "object", "properties": FIELDS, "required": list(FIELDS)}),
)
SCHEMAS = {"orders": StreamSchemas(stream="orders", reader=READER, writers={1: READER})}
TAGS = {"customer": "person", "name": "name", "mail": "email", "city": "none", "amount": "none", "at": "none"}
KEEP, TOKENISE, MASK, DROP, ENCRYPT = Treatment
PRIVACY = Privacy(treatments={"person": KEEP, "name": ENCRYPT, "email": TOKENISE}, tags=TAGS, subject="customer")
CANARY = "canary"  # in every name and address


def personal_order(number, *, customer=None, amount=1, minute=0, **changed):
    """An order; equal numbers share an id."""
    customer = number % 7 if customer is None else customer
    at = START + timedelta(minutes=minute)
    about = {"customer": customer, "name": f"Ana {CANARY} {customer}", "mail": f"{CANARY}{customer}@example.org"}
    body = {**about, "city": "Graz", "amount": amount, "at": at.isoformat(), **changed}
    return raw_order(number, json.dumps(body).encode(), at)


def raw_order(number, value, at=START, key=None):
    """An order of any bytes."""
    headers = (("event_id", f"order-{number:06d}".encode()), ("who", CANARY.encode()))
    key = f"{CANARY}-{number}".encode() if key is None else key
    return FakeRecord(value=value, key=key, headers=headers, at_ms=int(at.timestamp() * 1000))


def personal_orders(seed, count):
    """Orders of which some are copied, break a rule, or cannot be read."""
    chance, logs = random.Random(seed), [[], []]
    for number in range(count):
        log, minute = logs[number % 2], number // 40
        log.append(personal_order(number, amount=chance.randint(1, 99), minute=minute))
        match chance.randint(0, 9):
            case 0:
                log.append(chance.choice(log))
            case 1:
                log.append(personal_order(number + 10**5, amount=-5, minute=minute))
            case 2:
                log.append(raw_order(number + 10**5, f'{{"name": "{CANARY}", '.encode()))
    return logs


def schema_folder(folder):
    """The same schema, tags and policy as a folder of schemas."""
    (folder / "orders/value").mkdir(parents=True)
    (folder / "orders/value/1.json").write_text(READER.text)
    fields = {name: {"pii": tag} for name, tag in TAGS.items()}
    about = {"owner": "team:shop", "compatibility": "NONE", "versions": {1: {"state": "published"}}}
    about = {**about, "subject": PRIVACY.subject, "fields": fields}
    (folder / "orders/subject.yaml").write_text(yaml.safe_dump(about))
    treatments = {tag: str(treatment) for tag, treatment in PRIVACY.treatments.items()}
    (folder / "privacy.yaml").write_text(yaml.safe_dump({"tags": treatments}))
    return folder


def shop_with(privacy):
    """The pipeline with that policy; None for none."""
    return replace(SHOP, streams=tuple(replace(stream, privacy=privacy) for stream in SHOP.streams))


@contextmanager
def opened_personal(dsn, folder, logs, privacy=PRIVACY, keys=None, reached=lambda _: None):
    """The pipeline's parts over logs or a broker; keys lie in `<folder>.keys` unless others are given."""
    kafka = logs if isinstance(logs, FakeKafka) else kafka_with(logs)
    keys = KeyFiles(folder.with_name(f"{folder.name}.keys")) if keys is None else keys
    with opened(dsn, folder, kafka, reached, shop_with(privacy), SCHEMAS, keys) as parts:
        yield parts
