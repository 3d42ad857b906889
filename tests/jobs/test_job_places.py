"""The file of places: what it may say, what is said of what it may not."""

import pytest

from galcat_core.errors import GalcatError
from galcat_core.jobs import places, systems
from galcat_core.jobs.places import Place, Shape

FILE = """
[gpu]
kind = "slurm"
partition = "a100"
nodes = 2
tasks_per_node = 4
sbatch = ["--exclusive"]

[slurm]
time = "01:00:00"
"""


def test_places_of_a_file_and_this_machine(tmp_path):
    (tmp_path / "p.toml").write_text(FILE)
    there = places.load(tmp_path / "p.toml")
    assert next(iter(there)) == "local"
    assert {"local", "gpu", "slurm"} == set(there)
    gpu = there["gpu"]
    assert (gpu.kind, gpu.settings.partition, gpu.settings.sbatch) == (
        "slurm",
        "a100",
        ["--exclusive"],
    )
    assert gpu.shape() == Shape(2, 4)
    assert gpu.shape(nodes=16).workers == 64
    assert there["slurm"].settings.time == "01:00:00"
    assert Place.from_dict("gpu", gpu.to_dict()) == gpu


def test_the_project_s_file_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "gpu" not in places.load()
    (tmp_path / "places.toml").write_text(FILE)
    assert places.named("gpu").settings.nodes == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[slurm]\npartitoin = 'a'", r"\[slurm\] has no key 'partitoin'.*Did you mean 'partition'"),
        ("[slurm]\nnodes = 0", r"nodes = 0: at least 1"),
        ("[slurm]\nnodes = 'two'", "a value of type int is wanted"),
        ("[gpu]\nnodes = 2", r"\[gpu\] has no key 'kind'; legal are local, slurm"),
        ("[gpu]\nkind = 'slrum'", "Did you mean 'slurm'"),
        ("nodes = 2", "'nodes' stands outside of a place"),
        ("[slurm", "not a TOML file"),
        ("[pbs]\nkind = 'script'\nstate = \"qstat '\"", "state = .*: no line of shell words"),
        ("[pbs]\nkind = 'script'\nlive = '('", r"live = '\(': no regular expression"),
        (
            "[pbs]\nkind = 'script'\nnumber = 'Job <.*>'",
            "number = .*: one pair of brackets is wanted",
        ),
    ],
)
def test_what_is_not_legal_is_told_in_one_line(tmp_path, text, told):
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(GalcatError, match=told) as error:
        places.load(tmp_path / "p.toml")
    assert "\n" not in str(error.value)


def test_unknown_names_and_shapes(tmp_path):
    (tmp_path / "p.toml").write_text(FILE)
    with pytest.raises(GalcatError, match=r"no place 'gpus'; there are .*Did you mean 'gpu'"):
        places.named("gpus", tmp_path / "p.toml")
    with pytest.raises(GalcatError, match="no such file of places"):
        places.load(tmp_path / "none.toml")
    with pytest.raises(GalcatError, match="2 nodes: 'local' is a place of one node"):
        places.named("local").shape(nodes=2)
    with pytest.raises(GalcatError, match="tasks per node = 0"):
        places.named("local").shape(tasks_per_node=0)


@pytest.mark.parametrize("kind", places.KINDS)
def test_the_template_of_a_place_is_the_place(tmp_path, kind):
    (tmp_path / "p.toml").write_text(systems.template(kind))
    assert places.load(tmp_path / "p.toml")[kind].settings == places.KINDS[kind]()
