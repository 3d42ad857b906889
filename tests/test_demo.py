"""The demonstration's project, made up to one of its parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from galcat_core.config import Config
from galcat_core.demo import prepare
from galcat_core.errors import GalcatError


def test_a_project_is_made_up_to_a_part_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    config = Config().replace(simulate={"overlap": 40, "unlabelled": 20})
    assert prepare(tmp_path / "small", config, until="catalogues") == tmp_path / "small"
    assert (tmp_path / "small/split.parquet").is_file()
    assert not (tmp_path / "small/cutouts").exists()
    capsys.readouterr()
    prepare(str(tmp_path / "small"), config, until="catalogues")
    assert capsys.readouterr().err.count("up to date") == 4


def test_a_part_that_there_is_not_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        GalcatError, match=r"until = 'picture': legal are .*Did you mean 'pictures'"
    ):
        prepare(tmp_path, Config(), until="picture")
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(GalcatError, match="is not empty"):
        prepare(tmp_path, Config())
