"""The form of the Training page without a browser: each field as `galcat train` has it, what is wrong marked."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path

import pytest
from galcat_app.state.training.fields import FIELDS
from galcat_app.state.training.page import TrainingState
from galcat_app.view import training_contents as contents
from trainable import FINISHED, write_run

from galcat_core import cli
from galcat_core.arguments import config_of
from galcat_core.config import Config
from galcat_core.errors import GalcatError


def test_the_form_has_every_field_that_galcat_train_takes() -> None:
    hints = typing.get_type_hints(Config)
    wanted = {
        f"{section}.{item.name}": item
        for section in ("train", "augment", "calibrate")
        for item in dataclasses.fields(hints[section])
    }
    assert list(FIELDS) == list(wanted)
    for key, field in FIELDS.items():
        assert field.help == wanted[key].metadata["help"]
        assert field.choices == (wanted[key].metadata["choices"] or ())
    flags = {a.dest for a in cli.parser()._subparsers._group_actions[0].choices["train"]._actions}
    assert set(FIELDS) <= flags


@pytest.mark.parametrize("key", list(FIELDS))
def test_a_default_as_it_is_shown_is_read_as_itself(key: str) -> None:
    section, _, name = key.partition(".")
    field = FIELDS[key]
    if field.default:  # an empty list has no words
        assert field.read(field.default) == getattr(getattr(Config(), section), name)


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("train.epochs", "0", "epochs = 0: at least 1 is legal"),
        ("train.epochs", "2.5", "a value of type int is wanted"),
        ("train.learning_rate", "fast", "a value of type float is wanted"),
        ("train.learning_rate", "nan", "at least 0.0 is legal"),
        ("train.network", "resnet", "Did you mean 'resnet12'?"),
        ("train.stage_epochs", "1 x", "a list of int is wanted"),
        ("train.stage_epochs", "2 2", "give as many of each"),
        ("train.weights", "../../etc/passwd", "lies outside of the project"),
        ("train.weights", "mine.h5", "no such file in the project"),
        ("augment.zoom", "1.3 0.7", "the smaller first"),
        ("augment.zoom", "1", "two positive numbers are wanted"),
        ("augment.flip", "perhaps", "a value of type bool is wanted"),
        ("calibrate.folds", "1", "at least 2 is legal"),
        ("name", "../out", "is no name for a run"),
        ("name", "-f", "is no name for a run"),
        ("name", "a/b", "is no name for a run"),
        ("tasks", "0", "at least 1 is wanted"),
        ("tasks", "two", "a whole number is wanted"),
        ("store", "/etc", "there is no cutout store '/etc' here"),
        ("split", "../split.parquet", "there is no split"),
        ("parent", "runs/none", "there is no run 'runs/none' here"),
        ("place", "moon", "there is no place 'moon' here"),
    ],
)
def test_a_wrong_value_stands_by_its_field_and_nothing_starts(
    own: Path, key: str, text: str, told: str
) -> None:
    state = TrainingState(own)
    assert state.errors == {}
    state.set(key, text)
    assert list(state.errors) == [key]
    assert told in state.errors[key]
    assert contents.draft_content(state)["errors"] == state.errors
    with pytest.raises(GalcatError, match="Nothing was started"):
        state.start()
    assert not (own / "jobs").exists()
    assert not (own / "runs").exists()


@pytest.mark.parametrize(
    ("key", "text"),
    [("train.nothing", "1"), ("", "1"), (None, "1"), ("train.epochs", 3), ("train.epochs", "1\n2"),
     ("name", "x" * 501), (["train.epochs"], "1")],
)  # fmt: skip
def test_a_message_that_no_form_sends_is_refused(
    trainable: Path, key: object, text: object
) -> None:
    state = TrainingState(trainable)
    with pytest.raises(GalcatError, match=r"no such field|one line"):
        state.set(key, text)
    assert state.draft.texts == {}
    state.reset({"a": 1})


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {"train.epochs": "3", "train.learning_rate": "1e-4", "train.network": "xception"},
        {"train.stage_epochs": "1, 2", "train.stage_first_layer": "-1 40", "train.xla": "true"},
        {"train.class_weights": "false", "augment.flip": "false", "augment.zoom": "0.9 1.1"},
        {"train.seed": "7", "calibrate.seed": "8", "calibrate.method": "platt"},
        {"train.positive": "it's a spiral", "augment.renderings": "0"},
        {"train.weights": "-odd name.h5"},
    ],
)
def test_the_command_beside_the_form_means_the_same(own: Path, texts: dict[str, str]) -> None:
    (own / "-odd name.h5").touch()
    state = TrainingState(own)
    for key, text in texts.items():
        state.set(key, text)
    assert state.errors == {}
    args = cli.parser().parse_args(state.checked.words()[1:])
    assert config_of(args) == state.checked.config
    assert (args.store, args.split, args.out) == (
        "cutouts/sdss",
        "split.parquet",
        state.checked.out,
    )
    assert args.on == "local"
    toml = own / "form.toml"
    toml.write_text(contents.draft_content(state)["toml"])
    assert Config.load(toml) == state.checked.config


def test_changed_settings_are_marked_and_may_be_reset(trainable: Path) -> None:
    state = TrainingState(trainable)
    state.set("train.epochs", "4")
    state.set("train.seed", "1")  # the default, typed
    assert contents.draft_content(state)["changed"] == ["train.epochs"]
    state.reset("train.epochs")
    assert contents.draft_content(state)["values"]["train.epochs"] == "50"
    state.set("augment.blur_px", "99")
    state.reset()
    assert state.draft.changed() == []
    assert state.errors == {}


def test_a_run_is_never_overwritten(own: Path) -> None:
    state = TrainingState(own)
    assert state.checked.out == "runs/sdss-ds18"
    (own / "runs/sdss-ds18").mkdir(parents=True)
    state.check()
    assert state.checked.out == "runs/sdss-ds18-2"
    state.set("name", "sdss-ds18")
    assert "never overwritten" in state.errors["name"]
    state.set("name", "other")
    assert state.errors == {}
    (own / "runs/other").mkdir()  # by another session, this moment
    with pytest.raises(GalcatError, match="other is there already"):
        state.start()
    assert not (own / "jobs").exists()


def test_the_galaxies_are_counted_by_the_core(own: Path) -> None:
    state = TrainingState(own)
    state.take(state.count())
    assert state.counted.text[0] == "37 to learn from (19 elliptical, 18 spiral)"
    assert state.counted.text[1].startswith("13 to validate on")
    state.set("train.limit", "1")
    state.take(state.count())
    assert "at least 2 is legal" in state.errors["train.limit"]
    state.reset()
    state.set("train.positive", "bar")
    state.take(state.count())
    assert "train.positive" in state.errors


def test_a_split_of_another_survey_is_told(own: Path) -> None:
    from tests.training.conftest import split_of, table_of

    split_of(table_of(64), {"train": 40, "validation": 24}, "des").save(own / "split.parquet")
    state = TrainingState(own)
    state.take(state.count())
    assert "no galaxy of survey 'sdss'" in state.errors["split"]


def test_a_parent_gives_its_network_and_the_run_a_name(own: Path) -> None:
    write_run(own / "runs/first", FINISHED)
    write_run(own / "runs/cut")
    state = TrainingState(own)
    assert list(state.inputs.parents) == ["runs/first"]
    assert "validation accuracy 0.875" in state.inputs.parents["runs/first"].label
    state.set("parent", "runs/first")
    assert state.checked.out == "runs/first-sdss"
    assert "--from runs/first" in state.checked.command
    state.set("train.network", "xception")
    assert "its weights fit no other" in state.errors["train.network"]


def test_places_are_those_that_the_core_knows(own: Path) -> None:
    (own / "places.toml").write_text(
        '[big]\nkind = "slurm"\nnodes = 2\ntasks_per_node = 4\npartition = "gpu"\n'
        f'[far]\nkind = "slurm"\nfolder = "{own.parent / "shared"}"\n'
    )
    state = TrainingState(own)
    places = {p["value"]: p for p in contents.form_content(state)["places"]}
    assert places["big"]["kind"] == "slurm"
    assert "partition gpu" in places["big"]["told"]
    state.set("place", "big")
    assert contents.draft_content(state)["workers"] == 8
    assert "--on big" in state.checked.command
    state.set("nodes", "3")
    assert "--nodes 3 --tasks-per-node 4" in state.checked.command
    state.set("place", "far")
    assert "share: bring the project there" in state.errors["place"]
    (own / "places.toml").write_text("[big]\nkind = 'sluhm'\n")
    state = TrainingState(own)
    assert list(state.inputs.places) == ["local"]
    assert "Did you mean 'slurm'" in state.project.remarks[0]
