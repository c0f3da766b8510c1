"""`python -m analytics_platform.cli`: the same as `ap`."""

from analytics_platform.cli import main

main()
