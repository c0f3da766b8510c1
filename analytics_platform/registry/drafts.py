"""Streams whose schema is a draft: declared, and not in use before it is published. Reads the folder of schemas."""

from pathlib import Path

from analytics_platform.catalog import catalog_of
from analytics_platform.product import Catalog, Model, Stream
from analytics_platform.registry.folder import is_draft


def drafts(declared: Catalog, schema_dir: Path) -> list[str]:
    """The names of the streams that are drafts."""
    return [name for name in declared.streams if is_draft(schema_dir, name)]


def without_drafts(declared: Catalog, schema_dir: Path) -> Catalog:
    """What is in use: neither drafts nor the models that read one, by whatever way."""
    unused = set(drafts(declared, schema_dir))
    kept: list[Stream | Model] = [stream for name, stream in declared.streams.items() if name not in unused]
    for model in declared.models.values():  # each behind the models it reads
        if unused.intersection(model.inputs):
            unused.add(model.name)
        else:
            kept.append(model)
    return catalog_of(kept) if unused else declared
