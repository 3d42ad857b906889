"""The one config: its sections <-> one TOML file, saved with every run."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.files import write_text
from galcat_core.sections import (
    Augment,
    Calibrate,
    Cutouts,
    Evaluate,
    Harmonise,
    Match,
    Project,
    Select,
    Simulate,
    Splitting,
    Train,
)
from galcat_core.settings import section_from_dict, to_toml


@dataclass
class Config:
    """Every setting of galcat; a TOML file holds one table a section and only what differs."""

    simulate: Simulate = field(default_factory=Simulate)
    select: Select = field(default_factory=Select)
    match: Match = field(default_factory=Match)
    cutouts: Cutouts = field(default_factory=Cutouts)
    pictures: Harmonise = field(default_factory=Harmonise)
    split: Splitting = field(default_factory=Splitting)
    train: Train = field(default_factory=Train)
    augment: Augment = field(default_factory=Augment)
    calibrate: Calibrate = field(default_factory=Calibrate)
    evaluate: Evaluate = field(default_factory=Evaluate)
    project: Project = field(default_factory=Project)

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = "config") -> Config:
        """Build a config from nested dicts, checking names, types and limits.

        Raises
        ------
        GalcatError
            A section or key is unknown (the nearest legal one is suggested), or a value is not legal.
        """
        sections = {f.name: f for f in dataclasses.fields(cls)}
        made = {}
        for name, content in values.items():
            if name not in sections:
                raise GalcatError(
                    f"{where}: there is no section [{name}]; legal are "
                    f"{listed(sections)}.{nearest(name, sections)}"
                )
            if not isinstance(content, dict):
                raise GalcatError(
                    f"{where}: [{name}] is a section, not a value; write [{name}] on a line "
                    "of its own and its keys below"
                )
            made[name] = section_from_dict(
                sections[name].default_factory, content, f"{where}: [{name}]"
            )
        return cls(**made)

    @classmethod
    def load(cls, path: str | Path | None) -> Config:
        """Read a TOML file; None gives the defaults."""
        if path is None:
            return cls()
        path = Path(path)
        if not path.is_file():
            what = (
                " is a folder, a TOML file is wanted" if path.is_dir() else ": no such config file"
            )
            raise GalcatError(f"{path}{what}")
        try:
            values = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise GalcatError(f"{path}: not a TOML file ({error})") from error
        return cls.from_dict(values, str(path))

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return nested dicts of JSON types, every setting spelled out."""
        return dataclasses.asdict(self)

    def save(self, path: str | Path) -> None:
        """Write the TOML file."""
        write_text(path, self.to_toml())

    def to_toml(self) -> str:
        """Return the TOML text, every setting spelled out with its help beside it."""
        lines = []
        for section in dataclasses.fields(self):
            value = getattr(self, section.name)
            lines.append(f"[{section.name}]  # {value.__doc__}")
            for item in dataclasses.fields(value):
                lines.append(
                    f"{item.name} = {to_toml(getattr(value, item.name))}  # {item.metadata['help']}"
                )
            lines.append("")
        return "\n".join(lines)

    def replace(self, **sections: dict[str, Any]) -> Config:
        """Return a config with some settings changed and checked: replace(train={"epochs": 3})."""
        values = self.to_dict()
        for name, changes in sections.items():
            values.setdefault(name, {}).update(changes)
        return Config.from_dict(values, "settings")
