"""The form of a new training: what was typed, and what it means once it is checked."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Any

from galcat_app.state.training.fields import FIELDS
from galcat_core.arguments import Parser, settings_told
from galcat_core.commands.learning import VERBS
from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.jobs.places import Place, Shape

INPUTS = ("store", "split", "parent", "name", "place", "nodes", "tasks")
RUNS = "runs"  # folder of the project in which the form puts runs
LONGEST = 500  # characters of one value


@dataclass
class Draft:
    """What was chosen and typed so far.

    Attributes
    ----------
    inputs : dict of str to str
        By the names of `INPUTS`; empty is the page's own suggestion.
    texts : dict of str to str
        Settings that were touched, by key.
    """

    inputs: dict[str, str] = field(default_factory=lambda: dict.fromkeys(INPUTS, ""))
    texts: dict[str, str] = field(default_factory=dict)

    def set(self, key: Any, text: Any) -> None:
        """Take what was typed into a field.

        Raises
        ------
        GalcatError
            There is no such field, or the text is none or too long.
        """
        if not isinstance(text, str) or len(text) > LONGEST or not text.isprintable():
            raise GalcatError(f"a value is one line of at most {LONGEST} characters")
        if key in INPUTS:
            self.inputs[key] = text.strip()
        elif isinstance(key, str) and key in FIELDS:
            self.texts[key] = text
        else:
            raise GalcatError("there is no such field in the form; reload the page")

    def changed(self) -> list[str]:
        """Return the settings that are not the defaults."""
        return [key for key, text in self.texts.items() if text.strip() != FIELDS[key].default]


@dataclass(frozen=True)
class Checked:
    """A draft, checked.

    Attributes
    ----------
    errors : dict of str to str
        What is wrong, by field; the key "" for what belongs to no field.
    config : Config
        Of the values that are right.
    out : str
        The run's folder, as seen from the project.
    place : Place or None
    shape : Shape or None
    values : dict of str to str
        Of the inputs, suggestions filled in.
    """

    errors: dict[str, str]
    config: Config
    out: str
    place: Place | None
    shape: Shape | None
    values: dict[str, str]

    def words(self) -> list[str]:
        """Return the command line that starts the same training."""
        told, parser = self.values, Parser()
        VERBS["train"][0](parser)
        words = ["galcat", "train", told["store"] or "STORE", "--split", told["split"] or "SPLIT"]
        words += ["-o", self.out]
        if told["parent"]:
            words += ["--from", told["parent"]]
        words += ["--on", self.place.name if self.place else told["place"]]
        if self.shape and self.place and self.shape != self.place.shape():
            if self.place.kind == "slurm":
                words += ["--nodes", str(self.shape.nodes)]
            words += ["--tasks-per-node", str(self.shape.tasks_per_node)]
        return [*words, *settings_told(parser, self.config)]

    @property
    def command(self) -> str:
        """The same as one line of shell."""
        return shlex.join(self.words())
