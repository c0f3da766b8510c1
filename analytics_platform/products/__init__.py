"""The catalogue: every stream and model declared in this folder. Pure, but for importing the files beside it."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from analytics_platform.catalog import catalog_of
from analytics_platform.product import Catalog, Model, Stream


@cache
def catalog() -> Catalog:
    """All declarations of this folder, grouped into pipelines; raises DeclarationError."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    return catalog_of(
        [value for module in modules for value in vars(module).values() if isinstance(value, Stream | Model)]
    )
