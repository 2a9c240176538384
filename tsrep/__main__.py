"""``python -m tsrep``."""

from tsrep.cli import main

main()
