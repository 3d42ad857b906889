"""galcat VERB: reads arguments, calls the stage of that name, tells mistakes in one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from galcat_core import __version__
from galcat_core.arguments import Parser
from galcat_core.commands import (
    catalogues,
    jobs,
    judging,
    labelling,
    learning,
    maps,
    pictures,
    project,
)
from galcat_core.errors import GalcatError

# In the order of the work, which is that of galcat --help.
VERBS: dict[str, tuple[Callable, str, str]] = {
    **catalogues.VERBS,
    **pictures.VERBS,
    **learning.VERBS,
    **jobs.VERBS,
    **labelling.VERBS,
    **judging.VERBS,
    **maps.VERBS,
    **project.VERBS,
}


def parser() -> Parser:
    """Return the parser of the whole command line."""
    whole = Parser(
        prog="galcat",
        description="From survey images to galaxy morphology catalogues.",
        epilog="galcat VERB --help tells more of each verb, with an example.",
    )
    whole.add_argument("--version", action="version", version=f"galcat {__version__}")
    whole.verbs = tuple(VERBS)
    verbs = whole.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    for name, (add, what, example) in VERBS.items():
        verb = verbs.add_parser(
            name,
            help=what,
            description=what[0].upper() + what[1:] + ".",
            epilog=f"example:\n  {example}",
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.set_defaults(call=add(verb), parser=verb)
        verb.add_argument(
            "--config", metavar="FILE", help="TOML file of settings (galcat config -o FILE)"
        )
        verb.add_argument(
            "--force", action="store_true", help="make the result again even if it is up to date"
        )
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return its exit code.

    0 done, 2 a mistake told in one line, 75 a worker was killed and the same command goes on, 130
    interrupted.
    """
    args, unknown = parser().parse_known_args(argv)
    if unknown:
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        from galcat_core import stages

        args.call(args, stages)
    except GalcatError as error:
        return _told(args.verb, str(error), error.code)
    except KeyboardInterrupt:
        return _told(args.verb, "interrupted; run the same command again to go on", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if os.environ.get("GALCAT_TRACEBACK"):
            raise
        what = str(error).strip().split("\n")[0] or "no message"
        return _told(
            args.verb,
            f"unexpected {type(error).__name__}: {what} (GALCAT_TRACEBACK=1 shows where)",
            1,
        )
    return 0


def _told(verb: str, message: str, code: int) -> int:
    print(f"galcat {verb}: {' '.join(message.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
