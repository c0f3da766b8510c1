"""YAML as governance's files hold it, read the same way everywhere. Pure."""

from typing import Any

import yaml

from analytics_platform.errors import DeclarationError
from analytics_platform.yaml_schema import LOADER


def loaded(text: str, where: str, remedy: str = "mend the file") -> Any:
    """What the text says; raises DeclarationError where it is no YAML."""
    try:
        return yaml.load(text, LOADER)
    except yaml.YAMLError as error:
        raise DeclarationError(where, f"is no YAML: {str(error).splitlines()[0]}", remedy) from error
