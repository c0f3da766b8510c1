"""An instance that runs what is committed: a fresh clone with state of its own, gone afterwards."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from analytics_platform_tests.proofs import own_topic
from analytics_platform_tests.proofs.instances import DrivenInstance
from analytics_platform_tests.proofs.report import ROOT, Report


@contextmanager
def cloned_instance(report: Report, base_port: int) -> Generator[DrivenInstance]:
    """The instance of a fresh clone; whoever asks for it starts it, and it is stopped however the block ends."""
    with tempfile.TemporaryDirectory(prefix=f"{report.name}-") as folder:
        clone = Path(folder) / "clone"
        own_topic.git(ROOT, "clone", "--quiet", str(ROOT), str(clone))
        jars = ROOT / ".state" / "jars"
        instance = DrivenInstance(clone=clone, state_dir=Path(folder) / "state", jars=jars, base_port=base_port)
        try:
            yield instance
        finally:
            report.step("ap down")
            instance.ap("down")
