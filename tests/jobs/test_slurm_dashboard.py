"""The Training page and a real Slurm: a training is started there, seen to learn, cancelled."""

import pytest
from galcat_app.view.training import Training

from galcat_core import jobs
from tests.app.trainable import make_trainable

pytestmark = [
    pytest.mark.slow,
    pytest.mark.slurm,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("idle_nodes"),
]


def test_a_training_begun_in_the_page_learns_on_a_node_and_is_cancelled(slurm, until, tmp_path):
    own = make_trainable(tmp_path / "survey")
    (own / "places.toml").write_text('[big]\nkind = "slurm"\npartition = "short"\ntime = "30"\n')
    page = Training(own)
    state = page.state
    for key, text in (
        ("place", "big"),
        ("name", "far"),
        ("train.epochs", "500"),
        ("train.patience", "500"),
        ("train.batch_size", "8"),
    ):
        page.form.receive({"kind": "set", "key": key, "text": text})
    assert page.form.draft["errors"] == {}
    assert "--on big" in page.form.draft["command"]
    page.form.receive({"kind": "start"})
    (job,) = jobs.jobs_of(own / "jobs")
    assert state.selected == f"job:{job.id}"

    def learns():
        state.show(state.look())
        return state.detail.course and state.detail.course.epoch >= 2

    until(learns, "for two epochs")
    told = page.detail.content
    assert (told["title"], told["state"], told["cancellable"]) == ("far", "running", True)
    assert dict(told["facts"])["place"] in ("big (n1)", "big (n2)")
    assert page.detail.curves["history"]["loss"]
    assert job.submissions[-1].id in slurm.ask("squeue", "-h", "-o", "%i").split()
    page.detail.receive({"kind": "cancel", "key": f"job:{job.id}"})
    state.show(state.look())
    assert page.detail.content["state"] == "cancelled"
    assert page.detail.content["resumable"]
    until(slurm.ready, "for idle nodes")
    assert state.counts == [("1", "training")]
