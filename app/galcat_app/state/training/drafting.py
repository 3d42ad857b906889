"""The part of `TrainingState` that is the form of a new training."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import traitlets

from galcat_app.state.training.checks import check
from galcat_app.state.training.fields import FIELDS, text_of
from galcat_app.state.training.form import Draft
from galcat_app.state.training.galaxies import Counted, asked, count
from galcat_app.state.training.inputs import Finder, Inputs
from galcat_core.runs import Run


class Drafting(traitlets.HasTraits):
    """What is typed into the form, what is wrong with it, and which galaxies it would learn from.

    Attributes
    ----------
    checked : Checked or None
        The form as it is now.
    counted : Counted
        What the core says to the pictures and the split that were chosen.
    """

    checked = traitlets.Any(None, allow_none=True)
    counted = traitlets.Any(Counted())
    path: Path
    finder: Finder
    inputs: Inputs
    draft: Draft

    def set(self, key: Any, text: Any) -> None:
        """Take what was typed into a field, and check the whole form."""
        self.draft.set(key, text)
        if key == "place":  # each place has shapes of its own
            self.draft.inputs.update(nodes="", tasks="")
        self.check()

    def reset(self, key: Any = None) -> None:
        """Give one setting its default again, or all of them."""
        if key is None:
            self.draft.texts.clear()
        elif isinstance(key, str):
            self.draft.texts.pop(key, None)
        self.check()

    def check(self) -> None:
        """Check the form by the core's own checks."""
        self.checked = check(self.draft, self.inputs, self.path)

    def take_settings(self, run: Run) -> None:
        """Fill the form with the settings and inputs of a run."""
        config, info = run.config.to_dict(), run.info
        texts = {}
        for key, field in FIELDS.items():
            section, _, name = key.partition(".")
            text = text_of(config[section][name])
            if text != field.default:
                texts[key] = text
        self.draft = Draft(texts=texts)
        for name in ("store", "split", "parent"):
            told = (info.get(name) or {}).get("path")
            place = os.path.relpath(os.path.normpath(run.folder / told), self.path) if told else ""
            self.draft.inputs[name] = place
        self.check()

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong in the form, by field."""
        counted = self.counted.errors if self.counted.asked == self.asked() else {}
        return counted | (self.checked.errors if self.checked else {})

    def asked(self) -> tuple:
        """Return what the galaxies depend on that a training would learn from; () if that is wrong."""
        return asked(self.path, self.checked) if self.checked else ()

    def count(self) -> Counted:
        """Ask the core which galaxies the training would learn from; nothing of the state is changed."""
        return count(self.finder, self.checked)

    def take(self, counted: Counted) -> None:
        """Keep what `count` found."""
        self.counted = counted
