"""Files that hold a secret: their owner's alone from the first byte, replaced as one. Touches the disk."""

import os
from pathlib import Path

OWNERS_ALONE, EVERYBODYS = 0o600, 0o644


def write_private(file: Path, content: bytes, mode: int = OWNERS_ALONE) -> None:
    """Replace the file; whoever reads it meanwhile gets all of the old or all of the new."""
    draft = file.with_name(f".{file.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(file)
