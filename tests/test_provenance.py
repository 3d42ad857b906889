"""Where a file came from: the same work has the same description, other work another."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from galcat_core import __version__, provenance
from galcat_core.provenance import Provenance, code_version, digest, digests


def test_json_and_back() -> None:
    made_by = Provenance("cutouts", {"a.csv": "ab"}, {"bands": ["i", "r"], "size": 96}, "0.1.0")
    assert Provenance.from_json(made_by.to_json()) == made_by


def test_same_work_looks_past_the_code_version() -> None:
    one = Provenance("match", {"a": "1"}, {"radius": 1.0}, "0.1.0")
    assert one.same_work(Provenance("match", {"a": "1"}, {"radius": 1.0}, "0.2.0"))
    assert one.same_work(Provenance("match", {"a": "1"}, {"radius": 1}, "0.1.0")) is False
    assert not one.same_work(Provenance("match", {"a": "2"}, {"radius": 1.0}, "0.1.0"))
    assert not one.same_work(Provenance("split", {"a": "1"}, {"radius": 1.0}, "0.1.0"))
    assert not one.same_work(None)


def test_digest_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest(tmp_path / "f") == expected


def test_digest_of_a_folder_sees_names_and_contents(tmp_path: Path) -> None:
    def folder(name: str, **files: str) -> Path:
        (tmp_path / name / "deep").mkdir(parents=True)
        for file, text in files.items():
            (tmp_path / name / "deep" / file).write_text(text)
        return tmp_path / name

    one = digest(folder("one", a="1", b="2"))
    assert digest(folder("two", b="2", a="1")) == one
    assert digest(folder("three", a="1", b="3")) != one
    assert digest(folder("four", a="1", c="2")) != one
    (tmp_path / "one" / "DIGEST").write_text("kept\n")
    assert digest(tmp_path / "one") == "kept"


def test_inputs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder in ("sdss", "des", "old/des"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "objects.csv").write_text(folder)
    found = digests(*(tmp_path / f / "objects.csv" for f in ("sdss", "des", "old/des")))
    assert list(found) == ["objects.csv", "des/objects.csv", "old/des/objects.csv"]
    assert len(set(found.values())) == 3


def test_a_file_s_place_does_not_matter(tmp_path: Path) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.csv").write_text("id\n1\n")
    assert digests(tmp_path / "here" / "t.csv") == digests(tmp_path / "there" / "t.csv")


def test_code_version_follows_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "galcat_core"
    package.mkdir()
    monkeypatch.setattr(provenance, "__file__", str(package / "provenance.py"))
    code_version.cache_clear()
    assert code_version() == __version__  # no checkout: an installed wheel
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    (package / "a.py").write_text("1\n")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "one"], check=True)
    code_version.cache_clear()
    clean = code_version()
    assert clean.startswith(f"{__version__}+g")
    (package / "a.py").write_text("2\n")
    code_version.cache_clear()
    assert code_version() == f"{clean}.dirty"
    code_version.cache_clear()
