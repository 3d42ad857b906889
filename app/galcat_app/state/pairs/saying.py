"""What is said of one pair or of all that are selected, how it is taken back, and said again."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import traitlets

from galcat_app.state.pairs.changes import MARKS, Change
from galcat_app.state.pairs.matches import Matches
from galcat_app.state.pairs.review import Reviews
from galcat_app.state.pairs.selected import SelectedPairs
from galcat_core.errors import GalcatError

MOST_UNDONE = 100


class Done(NamedTuple):
    """What was said, in words; the change it made; the pairs that were selected then."""

    words: str
    change: Change
    selected: np.ndarray


class Saying(SelectedPairs):
    """The part of `PairsState` that writes the review.

    Attributes
    ----------
    undoable, redoable : str
        What `undo` would take back ("Bad match: 1,200 pairs"), and what `redo` would do again; "" for
        nothing.
    reviews : Reviews
    """

    undoable = traitlets.Unicode("")
    redoable = traitlets.Unicode("")
    reviews: Reviews

    def _start(self, project: Matches) -> None:
        self._done: list[Done] = []
        self._undone: list[Done] = []
        self._tell_done()
        super()._start(project)

    @property
    def classes(self) -> list[str]:
        """Labels to choose from: those of the catalogues, of the networks, and those given here."""
        found: set[str] = set()
        if "label" in self.known.all:
            found |= set(self.known.words("label")[1])
        for source in self.project.sources:
            if source.kind == "predictions":
                found |= set(map(str, source.meta["classes"]))
        return sorted(found | set(self.reviews.table["label"].dropna()))

    def say(self, row: Any, changes: Any) -> None:
        """Write what is said of a pair to disk (see `galcat_app.state.pairs.review.Reviews.change`)."""
        row = self.checked_row(row)
        at = self.place if row == self.focus else None
        self._change(np.array([row]), changes)
        if at is not None:
            self._place = at
        self._after_review()

    def say_all(self, changes: Any) -> None:
        """Write what is said of all selected pairs to disk at once; bad matches take no label."""
        rows = self.selected
        if not len(rows):
            raise GalcatError("no pair is selected; select pairs of the list, then flag them")
        without = 0
        if isinstance(changes, dict) and changes.get("label") is not None:
            bad = self.reviews.over_all("bad_match")[rows]
            rows, without = rows[~bad], int(bad.sum())
            if not len(rows):
                raise GalcatError("all selected pairs are bad matches, which take no label")
        changed = self._change(rows, changes)
        same = len(rows) - changed
        told = [f"{self._words(changes)}: {_pairs(changed) if changed else 'nothing changed'}"]
        told += [f"{same:,} {'was' if same == 1 else 'were'} so before"] if same else []
        told += [f"bad matches take no label: {_pairs(without)}"] if without else []
        self._after_review()
        self.remark = "; ".join(told)

    def press(self, name: Any, label: Any = None) -> None:
        """Say what a key says, of all selected pairs, or else of the one that is looked at.

        What is said of all of them already is taken away. Which pairs they are is known here alone: the
        browser may not have heard of the key that was pressed before.

        Parameters
        ----------
        name : str
            "good", a mark, or "label".
        label : str, optional
        """
        many = len(self.selected) > 0
        if not many and self.focus < 0:
            return
        told = self.said_of(self.selected if many else np.array([self.focus]))
        size = len(self.selected) if many else 1
        if name == "label":
            changes = {"label": None if told["labels"].get(str(label)) == size else label}
        elif name == "good":
            changes = {"clear": True} if told["good"] == size else {"good": True}
        elif name in MARKS:
            changes = {name: told[name] < size}
        else:
            raise GalcatError(f"no key says '{str(name)[:40]}' of a pair")
        if many:
            self.say_all(changes)
        elif name == "label" and told["bad_match"]:
            raise GalcatError("a bad match takes no label")
        else:
            self.say(self.focus, changes)

    def _change(self, rows: np.ndarray, changes: Any) -> int:
        """Change the review, remember how to take it back, and return how many pairs it changed."""
        if not isinstance(changes, dict) or not changes:
            raise GalcatError("what is said of a pair is a set of marks")
        change = self.reviews.change(rows, changes)
        if len(change.rows):
            words = f"{self._words(changes)}: {_pairs(len(change.rows))}"
            self._done = [*self._done, Done(words, change, self.selected)][-MOST_UNDONE:]
            self._undone = []
            self._tell_done()
        return len(change.rows)

    def undo(self) -> None:
        """Take back what was said last here, and select the pairs that were selected then.

        What another page said of a pair since stays.
        """
        if not self._done:
            raise GalcatError("there is nothing to undo")
        last = self._done[-1]
        made = self.reviews.repeat(last.change.reversed)
        self._done, self._undone = self._done[:-1], [*self._undone, last]
        self._after_again(last, made, "Undone")

    def redo(self) -> None:
        """Say again what was taken back last, as `undo` takes it back."""
        if not self._undone:
            raise GalcatError("there is nothing to redo")
        last = self._undone[-1]
        made = self.reviews.repeat(last.change)
        self._undone, self._done = self._undone[:-1], [*self._done, last]
        self._after_again(last, made, "Done again")

    def _after_again(self, last: Done, made: int, what: str) -> None:
        self._tell_done()
        left = len(last.change.rows) - made
        with self.hold_trait_notifications():
            self._after_review()
            self._choose(last.selected[self.kept[last.selected]])
            if len(last.change.rows) == 1:
                self.look_at(int(last.change.rows[0]))
        more = f"; {_pairs(left)} changed elsewhere since {'stays' if left == 1 else 'stay'}"
        self.remark = f"{what}: {last.words}{more if left else ''}"

    def _tell_done(self) -> None:
        self.undoable = self._done[-1].words if self._done else ""
        self.redoable = self._undone[-1].words if self._undone else ""

    def _words(self, changes: dict[str, Any]) -> str:
        """Return what a change is called."""
        name, value = next(iter(changes.items()))
        if name == "label":
            return f"Label {value}" if value else "Label taken away"
        if name in MARKS:
            mark = self.known[f"review.{name}"].name
            return mark if value else f"{mark} taken away"
        return {"good": "Good" if value else "Not reviewed", "clear": "Cleared"}.get(name, "Note")

    def said_of(self, rows: np.ndarray) -> dict[str, Any]:
        """How many of some pairs are reviewed, good, have each mark, and each label given here."""
        every = {name: self.reviews.over_all(name)[rows] for name in ("reviewed", *MARKS)}
        labels = self.reviews.over_all("label")[rows]
        own = pd.notna(labels)
        names, counts = np.unique(labels[own].astype(str), return_counts=True)
        told = {name: int(values.sum()) for name, values in every.items()}
        flagged = np.any([every[name] for name in MARKS], axis=0)
        told["good"] = int((every["reviewed"] & ~flagged & ~own).sum())
        return told | {"labels": dict(zip(names.tolist(), counts.tolist(), strict=True))}

    def reread_review(self) -> None:
        """Show what other pages said meanwhile."""
        if self.project is not None and self.reviews.fresh():
            self._after_review()

    def _after_review(self) -> None:
        with self.hold_trait_notifications():
            self.reviewed += 1
            self.page = min(self.page, self.pages - 1)
            self._forget_hidden()


def _pairs(number: int) -> str:
    return f"{number:,} pair{'' if number == 1 else 's'}"
