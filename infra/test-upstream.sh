#!/bin/sh
# The newest versions of what we use private parts of, in an environment of their own, and the tests that hold those
# parts to their contract. What fails here will fail us at the next upgrade; nothing of .venv is touched.
set -eu
cd "$(dirname "$0")/.."
place=build/upstream
newest="dagster dagster-webserver dagster-postgres kafka-python[crc32c,lz4,snappy,zstd] soda-core soda-duckdb"
contracts="analytics_platform_tests/definitions/test_upstream.py
  analytics_platform_tests/definitions/test_launcher.py
  analytics_platform_tests/definitions/test_coordinator.py
  analytics_platform_tests/definitions/test_maintenance.py
  analytics_platform_tests/definitions/warm/test_libraries.py
  analytics_platform_tests/ingest/test_client.py
  analytics_platform_tests/ingest/test_fetch.py
  analytics_platform_tests/quality"

[ -x "$place/bin/python" ] || .venv/bin/python -m venv "$place"
# what is not named here stays as it is locked
grep -vE '^ |^#' requirements.lock | sed 's/ \\$//' | grep -viE '^(dagster|kafka-python|soda-)' > "$place/others.txt"
sed 's/\[[^]]*\]//' "$place/others.txt" > "$place/constraints.txt"  # which may have no extras
"$place/bin/python" -m pip install --quiet --disable-pip-version-check --constraint "$place/constraints.txt" --upgrade \
  --requirement "$place/others.txt" $newest || {
  echo "test-upstream: the newest versions do not go with what is locked; letting those move too"
  "$place/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager \
    --requirement "$place/others.txt" $newest
}
"$place/bin/python" -m pip list --disable-pip-version-check 2>/dev/null | grep -iE '^(dagster|kafka-python|soda-)' || true
PYTHONPATH=. exec "$place/bin/python" -m pytest --numprocesses auto --dist loadfile $contracts "$@"
