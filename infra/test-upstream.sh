#!/bin/sh
# The newest versions of what we use private parts of, in an environment of their own, and the tests that hold those
# parts to their contract. What fails here will fail us at the next upgrade; nothing of .venv is touched.
set -eu
cd "$(dirname "$0")/.."
place=build/upstream
named='^(dagster|kafka-python|soda-)'
contracts="analytics_platform_tests/definitions/test_upstream.py
  analytics_platform_tests/definitions/test_storage.py
  analytics_platform_tests/definitions/test_launcher.py
  analytics_platform_tests/definitions/test_coordinator.py
  analytics_platform_tests/definitions/test_maintenance.py
  analytics_platform_tests/definitions/warm/test_libraries.py
  analytics_platform_tests/ingest/test_client.py
  analytics_platform_tests/ingest/test_fetch.py
  analytics_platform_tests/quality"

[ -x "$place/bin/python" ] || .venv/bin/python -m venv "$place"
# what is not named here stays as it is locked; what is, is never older: else pip takes the newest Dagster with a
# dagster-postgres of years ago, where that of the day is not there yet
grep -vE '^ |^#' requirements.lock | sed 's/ \\$//' > "$place/locked.txt"
grep -viE "$named" "$place/locked.txt" > "$place/others.txt"
grep -iE "$named" "$place/locked.txt" | sed 's/==/>=/' > "$place/newest.txt"
sed 's/\[[^]]*\]//' "$place/others.txt" > "$place/constraints.txt"  # which may have no extras
"$place/bin/python" -m pip install --quiet --disable-pip-version-check --constraint "$place/constraints.txt" --upgrade \
  --requirement "$place/others.txt" --requirement "$place/newest.txt" || {
  echo "test-upstream: the newest versions do not go with what is locked; letting those move too"
  sed 's/==.*//' "$place/others.txt" > "$place/names.txt"
  "$place/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager \
    --requirement "$place/names.txt" --requirement "$place/newest.txt"
}
"$place/bin/python" -m pip list --disable-pip-version-check 2>/dev/null | grep -iE "$named" || true
PYTHONPATH=. exec "$place/bin/python" -m pytest --numprocesses auto --dist loadfile $contracts "$@"
