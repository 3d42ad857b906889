"""What each ingredient of the recipe for real pictures is worth: it whole, and without one at a time.

`python -m benchmarks.ablation -o trials` trains configs/real.toml, cut down to minutes a training, as
often as there are ingredients, with the same seed, and judges each on SDSS galaxies that were not
learnt from and on the SDSS-DES pairs. Stop it at any moment: started again it goes on where it was.
After each training the tables of what is there are written to trials/ablation.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.trials import (
    INGREDIENTS,
    MEASURES,
    WHOLE,
    Trials,
    about,
    cell,
    change,
    markdown,
    real_trials,
    simulated_trials,
)
from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.evaluation.measures import Scored
from galcat_core.files import write_text
from galcat_core.progress import track

Key = tuple[str, int]  # what is left out, and the seed


def main(
    out: str | Path = "trials",
    quick: bool = False,
    seeds: Sequence[int] = (1,),
    only: Sequence[str] = (),
) -> str:
    """Train and judge what is wanted; write and return the page.

    Parameters
    ----------
    out : path
        Folder of pictures, runs, predictions and the page.
    quick : bool
        On a few simulated galaxies: does it run at all?
    seeds : sequence of int
        Every ingredient is left out with each.
    only : sequence of str
        Keys of `INGREDIENTS`; all of them, if empty.
    """
    for name in only:
        if name not in INGREDIENTS:
            raise GalcatError(
                f"there is no ingredient '{name}' to leave out; legal are "
                f"{listed(INGREDIENTS, 20)}.{nearest(name, INGREDIENTS)}"
            )
    trials = simulated_trials(out) if quick else real_trials(out)
    found: dict[Key, dict[str, Scored]] = {}
    wanted = [(name, seed) for seed in seeds for name in (only or INGREDIENTS)]
    for name, seed in track(wanted, "trainings", unit="trainings"):
        found[name, seed] = trials.judged(name, seed)
        write_text(trials.out / "ablation.md", page(trials, found, seeds))
    return page(trials, found, seeds)


def page(trials: Trials, found: dict[Key, dict[str, Scored]], seeds: Sequence[int]) -> str:
    """Return the tables as Markdown, and which rows were not measured."""
    settings = trials.config.evaluate
    sets = {name: len(one.truth) for name, one in next(iter(found.values())).items()}
    head = ["recipe", *(f"{name} ({n})" for name, n in sets.items())]
    parts = [about(trials, "python -m benchmarks.ablation")]

    def row(key: Key, texts: list[str]) -> list[str]:
        return [key[0] + (f", seed {key[1]}" if len(seeds) > 1 else ""), *texts]

    for measure, title in MEASURES.items():
        rows = [
            row(key, [cell(sets_of[name], measure, settings) for name in sets])
            for key, sets_of in found.items()
        ]
        parts += [f"## {title}", markdown(head, rows)]
    for measure, title in MEASURES.items():
        rows = [
            row(
                key,
                [change(of[name], found[WHOLE, key[1]][name], measure, settings) for name in sets],
            )
            for key, of in found.items()
            if key[0] != WHOLE and (WHOLE, key[1]) in found
        ]
        if rows:
            parts += [
                f"## {title}: change against the whole recipe, same galaxies",
                markdown(head, rows),
            ]
    lacking = [
        row((name, seed), [])[0]
        for seed in seeds
        for name in INGREDIENTS
        if (name, seed) not in found
    ]
    if lacking:
        parts.append(f"Not measured: {'; '.join(lacking)}.")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation", description=__doc__)
    parser.add_argument("-o", "--out", default="trials", help="folder to work in (default trials)")
    parser.add_argument("--quick", action="store_true", help="a few simulated galaxies")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="of the trainings")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="what to leave out")
    args = parser.parse_args()
    print(main(args.out, args.quick, args.seeds, args.only))
