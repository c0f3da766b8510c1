"""A schema's file as commands are given it: what it proposes as a subject's next version."""

from pathlib import Path

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import SchemaFormat
from analytics_platform.registry.subjects import SUFFIXES
from analytics_platform.registry.texts import Draft

FORMATS = {suffix: format_ for format_, suffix in SUFFIXES.items()}


def draft_in(file: Path, subject: str) -> Draft:
    """The draft; its format is what the name of the file says. Raises DeclarationError where it says none."""
    if file.suffix not in FORMATS:
        raise DeclarationError(str(file), "says no format", f"name it …{' or …'.join(FORMATS)}")
    return Draft(subject=subject, format=SchemaFormat(FORMATS[file.suffix]), body=file.read_text(encoding="utf-8"))
