"""`python -m benchmarks [NAME ...] [--quick]`: measure against peers, print the table, write RESULTS.md."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
from pathlib import Path

from galcat_core.provenance import code_version

HERE = Path(__file__).parent
NAMES = ("crossmatch", "cutouts", "predict", "horovod", "jobs", "dashboards")
HEAD = ("what", "galcat", "peer", "ratio", "wanted", "unit", "note")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which of {', '.join(NAMES)} (default: all)"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all?")
    args = parser.parse_args()
    wrong = set(args.names) - set(NAMES)
    if wrong:
        parser.error(f"no benchmark {sorted(wrong)}; there are {', '.join(NAMES)}")
    sections = []
    for name in args.names or NAMES:
        print(f"== {name}", flush=True)
        rows = importlib.import_module(f"benchmarks.{name}").main(quick=args.quick)
        sections.append(f"## {name}\n\n{markdown(rows)}")
        print(sections[-1], flush=True)
    if not args.quick and not args.names:
        (HERE / "RESULTS.md").write_text(f"{about()}\n\n" + "\n\n".join(sections) + "\n")


def markdown(rows: list[dict]) -> str:
    """Return rows as a Markdown table."""
    lines = [f"| {' | '.join(HEAD)} |", f"| {' | '.join('---' for _ in HEAD)} |"]
    lines += [f"| {' | '.join(_cell(row.get(key)) for key in HEAD)} |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def about() -> str:
    """Return the head of RESULTS.md: how it was made, on what."""
    return (
        "# Speed and memory against peers\n\n"
        "Made by `make bench` (`python -m benchmarks`). Each row was measured with its peer in the same run, "
        "in turns; machines differ, so read the ratios.\n\n"
        f"galcat {code_version()}, Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.machine()}."
    )


if __name__ == "__main__":
    main()
