"""galcat doctor and galcat places: what is here, what is missing, where jobs can run."""

import os

import pytest

from galcat_core import doctor
from galcat_core.cli import main as galcat
from galcat_core.errors import GalcatError
from galcat_core.jobs import places, systems
from galcat_core.training import distributed, talk
from galcat_core.training.talk import Talk


def test_the_doctor_tells_what_is_here_and_what_is_missing(tmp_path, capsys):
    (tmp_path / "places.toml").write_text(
        '[pbs]\nkind = "script"\ntemplate = "pbs.sh"\n[local]\nkind = "local"\ntasks_per_node = 2\n'
    )
    assert galcat(["doctor", str(tmp_path), "--places", str(tmp_path / "places.toml")]) == 0
    told = capsys.readouterr().out
    here, missing = told.split("\nmissing:\n")
    lines = {line.split()[0]: line for line in here.splitlines()}
    assert f"--workers {len(os.sched_getaffinity(0))} at most" in lines["cores"]
    assert "local (local), 1 x 2 workers" in here
    if distributed.has_horovod():
        assert "0.28.1 with gloo; workers meet by gloo" in lines["Horovod"]
    assert "there is no template 'pbs.sh'" in missing


BUILD = {"version": "0.28.1", "gloo": True, "mpi": False, "nccl": True, "cuda": True}


def test_a_project_that_is_not_there_is_told_in_one_line(tmp_path, capsys):
    assert galcat(["doctor", str(tmp_path / "nowhere")]) == 2
    assert "nowhere: no such folder; name the project's folder" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert galcat(["doctor", str(tmp_path / "file")]) == 2
    assert "a folder is wanted" in capsys.readouterr().err


def test_what_a_build_of_horovod_lacks_is_told():
    assert "added by nccl" in doctor.horovod(BUILD, on_gpus=True).value
    assert "added by gloo" in doctor.horovod(BUILD, on_gpus=False).value
    without = {**BUILD, "nccl": False}
    assert "HOROVOD_GPU_OPERATIONS=NCCL" in doctor.horovod(without, on_gpus=True).missing
    assert not doctor.horovod(without, on_gpus=False).missing
    assert "built with neither" in doctor.horovod({**BUILD, "gloo": False}, False).missing
    assert "one process only" in doctor.horovod(None, False).missing
    with_mpi = {**BUILD, "mpi": True}
    assert "in jobs on Slurm meet by mpi" in doctor.horovod(with_mpi, False, ["pmix"]).value
    assert "; workers meet by gloo" in doctor.horovod(with_mpi, False).value
    only_mpi = doctor.horovod({**with_mpi, "gloo": False}, False, ["none", "pmi2"])
    assert "added by mpi" in only_mpi.value
    assert "without Slurm needs gloo" in only_mpi.missing


@pytest.mark.parametrize(
    ("build", "by_srun", "on_gpus", "wanted", "how"),
    [
        ({}, ["pmix"], False, "", Talk("gloo", "gloo")),
        ({"mpi": True}, ["none", "pmi2", "pmix"], False, "", Talk("mpi", "mpi", "pmix")),
        ({"mpi": True}, ["pmi2"], False, "gloo", Talk("gloo", "gloo")),
        ({"mpi": True}, ["none"], False, "", Talk("gloo", "gloo")),
        ({"mpi": True}, ["pmix"], True, "", Talk("gloo", "nccl")),
        ({"mpi": True}, ["pmix"], True, "mpi", Talk("mpi", "nccl", "pmix")),
        ({"mpi": True, "gloo": False}, ["pmix"], True, "", Talk("mpi", "nccl", "pmix")),
        ({"mpi": True, "nccl": False}, ["pmix"], True, "", Talk("mpi", "mpi", "pmix")),
    ],
)
def test_how_workers_talk_is_chosen(build, by_srun, on_gpus, wanted, how):
    assert talk.chosen({**BUILD, **build}, by_srun, on_gpus, wanted) == how


def test_what_workers_cannot_talk_by_is_told():
    with pytest.raises(GalcatError, match="shall talk by mpi, and Horovod was built with gloo"):
        talk.chosen(BUILD, ["pmix"], False, "mpi")
    with pytest.raises(GalcatError, match="srun cannot start workers for it"):
        talk.chosen({**BUILD, "mpi": True, "gloo": False}, ["none"], False)


def test_a_file_of_places_that_cannot_be_read_is_found_not_raised(tmp_path):
    (tmp_path / "p.toml").write_text("[slurm]\npartitoin = 'a'")
    (found,) = doctor.where(tmp_path, tmp_path / "p.toml")
    assert "Did you mean 'partition'" in found.missing
    (tmp_path / "p.toml").write_text("[slurm]\nfolder = '/nowhere'")
    slurm = next(f for f in doctor.where(tmp_path, tmp_path / "p.toml") if "slurm" in f.value)
    assert slurm.missing


@pytest.mark.slurm
def test_the_doctor_sees_a_real_slurm(slurm, tmp_path):
    (tmp_path / "p.toml").write_text("[one]\nkind = 'slurm'\npartition = 'shrot'\n")
    found = [*doctor.cluster(), *doctor.where(tmp_path, tmp_path / "p.toml")]
    assert next(f for f in found if f.name == "Slurm").value[:2].isdigit()
    assert any(f.name == "partition" and f.value.startswith("short: 2 nodes") for f in found)
    assert any("there is no partition 'shrot'" in f.missing for f in found)


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_a_file_of_places_to_begin_with(tmp_path, system, capsys):
    out = tmp_path / "places.toml"
    assert galcat(["places", "-o", str(out), "--kind", system]) == 0
    place = places.load(out)[system]
    assert place.kind == ("slurm" if system == "slurm" else "script")
    if place.kind == "script":
        assert "$command" in (tmp_path / place.settings.template).read_text()
        assert place.settings.submit
    assert galcat(["places", "-o", str(out), "--kind", system]) == 2
    assert "is there already" in capsys.readouterr().err
    assert galcat(["places", "--places", str(out)]) == 0
    assert system in capsys.readouterr().out
