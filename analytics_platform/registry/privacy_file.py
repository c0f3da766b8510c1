"""`privacy.yaml`: what becomes of each kind of personal data; and streams with what it and their subjects say.

    sealed_for_days: 30
    tags:
      email: tokenise
      name: encrypt
      payment: mask
      person: keep

Touches the file system, and only reads. Without the file nothing is protected.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from analytics_platform.errors import DeclarationError
from analytics_platform.product import Pipeline
from analytics_platform.product.privacy import NOT_PERSONAL, Privacy, Treatment
from analytics_platform.registry.folder import SUBJECT_FILE, text_if_there
from analytics_platform.registry.lock import parse_mapping
from analytics_platform.registry.privacy import is_protected
from analytics_platform.registry.versions import read_versions

PRIVACY_FILE = "privacy.yaml"
KNOWN = {"tags", "sealed_for_days"}


def policy_in(schema_dir: Path) -> Privacy | None:
    """What the file says; None where there is none. Raises DeclarationError."""
    text = text_if_there(schema_dir, PRIVACY_FILE)
    return None if text is None else _policy(parse_mapping(text, PRIVACY_FILE))


def privacy_in(schema_dir: Path, stream: str) -> Privacy | None:
    """How a stream is protected; None where nothing of it is."""
    policy = policy_in(schema_dir)
    if policy is None or not (schema_dir / stream / SUBJECT_FILE).exists():
        return None
    subject = read_versions(schema_dir, stream)
    if not is_protected(subject.decided, [version.schema for version in subject.versions], policy):
        return None
    return of_subject(policy, {path: about.pii for path, about in subject.decided.items()}, subject.about)


def of_subject(policy: Privacy, tags: Mapping[str, str], about: str) -> Privacy:
    """The policy with what a subject's file says."""
    return replace(policy, tags={path: tag for path, tag in tags.items() if tag}, subject=about or None)


def pipeline_with_privacy(pipeline: Pipeline, schema_dir: Path) -> Pipeline:
    """The pipeline with how each of its streams is protected."""
    return pipeline.with_streams(lambda stream: replace(stream, privacy=privacy_in(schema_dir, stream.name)))


def _policy(content: Mapping[str, Any]) -> Privacy:
    if unknown := sorted(set(content) - KNOWN):
        raise DeclarationError(
            PRIVACY_FILE, f"says {', '.join(map(str, unknown))}", "write `tags:`, `sealed_for_days:`"
        )
    tags, days = content.get("tags"), content.get("sealed_for_days", 30)
    if not isinstance(tags, Mapping):
        raise DeclarationError(PRIVACY_FILE, "has no tags", "write `tags:` with lines like `email: tokenise`")
    for tag, treatment in tags.items():
        if treatment not in list(Treatment) or tag == NOT_PERSONAL:
            remedy = f"write one of {', '.join(Treatment)}; `{NOT_PERSONAL}` needs no line"
            raise DeclarationError(PRIVACY_FILE, f"{tag} is to be {treatment!r}", remedy)
    if not isinstance(days, int) or isinstance(days, bool) or days < 1:
        raise DeclarationError(PRIVACY_FILE, f"sealed_for_days is {days!r}", "write how many days, at least 1")
    treatments = {str(tag): Treatment(treatment) for tag, treatment in tags.items()}
    return Privacy(treatments=treatments, sealed_for=timedelta(days=days))
