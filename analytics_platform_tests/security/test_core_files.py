"""A process that holds personal data leaves no core file when it breaks, nor does any that it starts."""

import subprocess
import sys

import pytest

BEGIN = "import resource as r; h = r.getrlimit(r.RLIMIT_CORE)[1]; r.setrlimit(r.RLIMIT_CORE, (h, h))"
FORBID = "from analytics_platform.security.core_files import forbid_core_files as forbid; forbid()"
BREAK = "import os; os.abort()"
IN_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BREAK!r}])"


@pytest.mark.parametrize("breaking", [BREAK, IN_CHILD])
def test_who_breaks_leaves_no_core_file(tmp_path, breaking):
    code = "\n".join([BEGIN, FORBID, breaking])
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("most", "limit"), [(-1, 1), (4096, 1), (1, 1), (0, 0)])
def test_the_limit_is_one_that_collectors_heed_unless_there_was_none_to_lower(most, limit):
    lower = f"import resource as r; r.setrlimit(r.RLIMIT_CORE, (r.getrlimit(r.RLIMIT_CORE)[0] and {most}, {most}))"
    code = "\n".join([lower, FORBID, "print(r.getrlimit(r.RLIMIT_CORE))"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"({limit}, {limit})"
