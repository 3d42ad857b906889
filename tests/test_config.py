"""The config says what is legal, suggests what was meant, and survives its own file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from galcat_core.config import Config
from galcat_core.errors import GalcatError, listed, nearest

ROOT = Path(__file__).resolve().parents[1]


def test_the_defaults_survive_the_file(tmp_path: Path) -> None:
    Config().save(tmp_path / "c.toml")
    assert Config.load(tmp_path / "c.toml") == Config()
    assert Config.load(None) == Config()


def test_every_setting_is_written_with_its_help(tmp_path: Path) -> None:
    Config().save(tmp_path / "c.toml")
    text = (tmp_path / "c.toml").read_text()
    for section in dataclasses.fields(Config):
        assert f"[{section.name}]" in text
        for item in dataclasses.fields(section.default_factory):
            assert item.metadata["help"], item.name
            assert f"# {item.metadata['help']}" in text


def test_changed_values_survive_the_file(tmp_path: Path) -> None:
    changed = Config().replace(
        match={"radius_arcsec": 2, "one_to_one": True},
        cutouts={"bands": ["z", 'odd "band" \\ é 😀', "g"]},
        augment={"zoom": [1, 1.5]},
        split={"seed": 7},
    )
    assert changed.match.radius_arcsec == 2.0
    assert isinstance(changed.match.radius_arcsec, float)
    changed.save(tmp_path / "c.toml")
    assert Config.load(tmp_path / "c.toml") == changed
    assert Config().match.radius_arcsec == 1.0


def test_a_file_holds_only_what_differs(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[match]\nradius_arcsec = 3\n")
    assert Config.load(tmp_path / "c.toml") == Config().replace(match={"radius_arcsec": 3.0})


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.toml")), ids=lambda p: p.stem)
def test_the_configs_of_the_repository_are_legal(path: Path) -> None:
    assert Config.load(path) != Config()


def test_the_paper_s_thresholds_are_the_defaults() -> None:
    select = Config().select
    assert (select.spiral_min, select.elliptical_min) == (0.985, 0.926)
    assert select.mag_limit_g == 18
    assert Config().match.radius_arcsec == 1.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[match]\nradius_arcsecs = 1", "Did you mean 'radius_arcsec'?"),
        ("[mach]\nradius_arcsec = 1", "Did you mean 'match'?"),
        ("match = 1", "[match] is a section"),
        ("[match]\nradius_arcsec = -1", "from 0.0 to 3600.0 is legal"),
        ("[match]\nradius_arcsec = nan", "from 0.0 to 3600.0 is legal"),
        ("[match]\nradius_arcsec = '1'", "a value of type float is wanted"),
        ("[match]\nradius_arcsec = true", "a value of type float is wanted"),
        ("[match]\none_to_one = 1", "a value of type bool is wanted"),
        ("[split]\nseed = 1.5", "a value of type int is wanted"),
        ("[split]\nseed = -1", "at least 0 is legal"),
        ("[cutouts]\nmin_arcsec = inf", "at least 0.1 is legal"),
        ("[select]\nspread_plus_1_err = inf", "a finite number is legal"),
        ("[cutouts]\nbands = 'gri'", "a list of str is wanted"),
        ("[cutouts]\nbands = [1, 2]", "a list of str is wanted"),
        ("[cutouts]\nstretch = 'luptom'", "Did you mean 'lupton'?"),
        ("[match\nradius = 1", "not a TOML file"),
    ],
)
def test_what_is_not_legal_is_told_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "c.toml").write_text(text + "\n")
    with pytest.raises(GalcatError) as error:
        Config.load(tmp_path / "c.toml")
    assert told in str(error.value)
    assert str(tmp_path / "c.toml") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_config() -> None:
    with pytest.raises(GalcatError, match="no such config file"):
        Config.load("nowhere.toml")


def test_replace_checks_too() -> None:
    with pytest.raises(GalcatError, match="Did you mean 'epochs'"):
        Config().replace(train={"epoch": 3})


def test_suggestions_know_no_case() -> None:
    assert nearest("RADIUS", ["radius_arcsec", "seed"]) == " Did you mean 'radius_arcsec'?"
    assert nearest("xyz", ["seed"]) == ""
    assert listed(range(14)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more"
