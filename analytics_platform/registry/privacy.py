"""What becomes of each field of a schema, by its tag and the policy; and where the two do not fit. Pure."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from analytics_platform.facts import Schema
from analytics_platform.product.privacy import NOT_PERSONAL, FieldRule, Privacy, SchemaRules, Treatment
from analytics_platform.registry.compatibility import SchemaText
from analytics_platform.registry.fields import TEXTS, SchemaField, fields_of
from analytics_platform.registry.lint import Fault
from analytics_platform.registry.subject import Decision

WHOLE = frozenset({"long", "integer"})
PLAIN_FORMATS = ("", "email", "uri", "uuid", "hostname")  # of texts that stay texts whatever they hold
OUTERMOST = re.compile(r"[^.\[{]+")
FOR_TEXTS = "tokenise, mask and encrypt are for texts, tokenise for longs too: drop it, or keep it"


@lru_cache(maxsize=256)
def rules_of(schema: Schema | SchemaText, privacy: Privacy) -> SchemaRules:
    """What becomes of a version's fields; what nobody has decided, or what the treatment does not fit, is dropped."""
    fields = fields_of(SchemaText(format=schema.format, text=schema.text))
    tags = {field.path: field.pii or privacy.tags.get(field.path, "") for field in fields}
    found: dict[str, FieldRule] = {}
    for field in fields:
        rule = _rule(field, tags[field.path], privacy)
        if rule is not None and (rule.name not in found or rule.treatment is Treatment.DROP):
            found[rule.name] = rule
    subject = privacy.subject if privacy.subject in tags else None
    return SchemaRules(fields=tuple(found.values()), subject=subject, subject_tag=tags.get(subject or "", ""))


def is_protected(schemas: Mapping[str, Decision], texts: list[SchemaText], privacy: Privacy) -> bool:
    """Whether anything of a subject is treated at all."""
    tags = {decision.pii for decision in schemas.values()}
    tags |= {field.pii for text in texts for field in fields_of(text)}
    return any(privacy.treatments.get(tag, Treatment.KEEP) is not Treatment.KEEP for tag in tags)


def privacy_faults(schema: SchemaText, decided: Mapping[str, Decision], privacy: Privacy) -> Iterator[Fault]:
    """Where tags and policy do not fit each other, or a schema."""
    fields = fields_of(schema)
    if privacy.subject and privacy.subject not in {field.path for field in fields if "." not in field.path}:
        yield Fault(path=privacy.subject, problem="is the subject, and no field", remedy="mend `subject:`")
    for field in fields:
        tag = field.pii or decided.get(field.path, Decision()).pii
        if tag and tag != NOT_PERSONAL and tag not in privacy.treatments:
            remedy = f"say what becomes of {tag}: keep, tokenise, mask, drop or encrypt"
            yield Fault(path=field.path, problem=f"is {tag}, of which privacy.yaml says nothing", remedy=remedy)
        yield from _misfit(field, privacy.treatments.get(tag, Treatment.KEEP), privacy)


def _misfit(field: SchemaField, treatment: Treatment, privacy: Privacy) -> Iterator[Fault]:
    if treatment in (Treatment.KEEP, Treatment.DROP):
        return
    if _outermost(field) != field.path:
        remedy = "drop or keep it, or move it to the top of the record"
        yield Fault(path=field.path, problem=f"cannot be treated inside {_outermost(field)}", remedy=remedy)
    elif not _fits(field, treatment):
        yield Fault(path=field.path, problem=f"is {field.type}, of which none can be made", remedy=FOR_TEXTS)
    elif treatment is Treatment.ENCRYPT and privacy.subject is None:
        remedy = "name the field that says whom a record is about: `subject: id` in subject.yaml"
        yield Fault(path=field.path, problem="is encrypted for nobody", remedy=remedy)


def _rule(field: SchemaField, tag: str, privacy: Privacy) -> FieldRule | None:
    if tag == NOT_PERSONAL or (not tag and field.holds_fields):
        return None
    treatment = privacy.treatments.get(tag, Treatment.DROP)
    if treatment is Treatment.KEEP:
        return None
    is_outermost = _outermost(field) == field.path
    if not is_outermost or not _fits(field, treatment):
        treatment = Treatment.DROP
    is_text = is_outermost and _fits(field, Treatment.MASK)
    return FieldRule(name=_outermost(field), tag=tag, treatment=treatment, is_text=is_text)


def _fits(field: SchemaField, treatment: Treatment) -> bool:
    types = {part for part in field.type.partition(" (")[0].split(" | ") if part != "null"}
    if treatment is Treatment.DROP or (types == TEXTS and field.logical in PLAIN_FORMATS):
        return True
    return treatment is Treatment.TOKENISE and len(types) == 1 and types <= WHOLE and not field.logical


def _outermost(field: SchemaField) -> str:
    found = OUTERMOST.match(field.path)
    return found[0] if found else field.path
