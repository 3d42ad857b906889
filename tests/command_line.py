"""The command line as tests type it."""

from __future__ import annotations

from galcat_core.cli import main


def galcat(*words: object) -> int:
    """Run the command line in this process; return its exit code."""
    try:
        return main([str(word) for word in words])
    except SystemExit as end:
        return int(end.code or 0)
