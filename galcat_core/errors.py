"""The one error that a user meets: a single line saying what is wrong, what is allowed, how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GalcatError(ValueError):
    """A mistake in the input, told in one line; the command line prints it and exits with 2."""

    code = 2


class WorkKilled(GalcatError):
    """A process of the work was killed: no mistake, the same command goes on from where it was."""

    code = 75  # sysexits.h: try again


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the legal name closest to `name`, or an empty string.

    Parameters
    ----------
    name : str
        What the user wrote.
    choices : iterable of str
        What is legal.
    """
    lower = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    return f" Did you mean '{lower[found[0]]}'?" if found else ""


def listed(names: Iterable[str], at_most: int = 12) -> str:
    """Return names as one readable list, cut after `at_most`."""
    names = [str(name) for name in names]
    shown = ", ".join(names[:at_most])
    return shown + (f" and {len(names) - at_most} more" if len(names) > at_most else "")
