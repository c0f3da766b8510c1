"""Contracts as they lie in git: `schemas/<stream>/contract.yml` and `products/<model>.contract.yml`. Only reads."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from analytics_platform import products
from analytics_platform.errors import DeclarationError
from analytics_platform.product import Catalog, Model, Pipeline, Stream

PRODUCT_DIR = Path(products.__file__).parent


def contract_file(declared: Stream | Model, schema_dir: Path) -> Path:
    """Where the contract of a stream or model is, or would be."""
    if isinstance(declared, Stream):
        return schema_dir / declared.name / "contract.yml"
    return PRODUCT_DIR / f"{declared.name}.contract.yml"


def with_contracts(catalog: Catalog, schema_dir: Path) -> Catalog:
    """The catalogue with the contracts of its streams and models; those without a file have none."""
    found: Mapping[str, Pipeline] = {
        name: pipeline_with_contracts(pipeline, schema_dir) for name, pipeline in catalog.pipelines.items()
    }
    return replace(catalog, pipelines=found)


def pipeline_with_contracts(pipeline: Pipeline, schema_dir: Path) -> Pipeline:
    """The same of one pipeline; one whose contracts are attached already keeps them."""
    return replace(
        pipeline,
        streams=tuple(replace(s, contract=s.contract or _text(s, schema_dir)) for s in pipeline.streams),
        models=tuple(replace(m, contract=m.contract or _text(m, schema_dir)) for m in pipeline.models),
    )


def _text(declared: Stream | Model, schema_dir: Path) -> str:
    path = contract_file(declared, schema_dir)
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(str(path), f"cannot be read: {error}", "check its permissions and encoding") from error
