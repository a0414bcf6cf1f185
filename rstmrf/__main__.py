"""`python -m rstmrf` is the command `rstmrf`."""

from rstmrf.cli import main

main()
