"""Warm run workers for Dagster: a parent that has imported everything forks a child per run, before the run is there.

    launcher (in daemon and webserver)  --run id-->  parent  --run id-->  the idle child, which executes it and exits

`launcher` beside this folder is the RunLauncher; `python -m analytics_platform.definitions.warm` is the parent. Of this
platform they know nothing but its errors and its log format: what a child opens beforehand is named by `--prepare`.

    protocol   what the launcher and the parent say to each other
    marks      which process has which run: a file per run, locked while its worker lives
    nursery    when to fork, to retire and to refuse; pure
    parent     the loop: one thread, that calls no library it has imported
    child      what a forked process does
    code       whether the code on disk is the one in memory
"""
