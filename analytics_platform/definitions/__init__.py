"""The platform as Dagster sees it; nothing else imports Dagster.

`location` is what a code server loads. Nothing is imported here: daemon and webserver import `coordinator` alone.
"""
