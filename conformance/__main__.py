"""`python -m conformance` is the `maccord` command."""

from conformance.cli import main

main()
