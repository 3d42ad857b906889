"""The model of a training step: known costs come back from the times that they make."""

from __future__ import annotations

import numpy as np
import pytest

from galcat_core.errors import GalcatError
from galcat_core.training import khan2019_published as khan
from galcat_core.training import scaling_model
from galcat_core.training.scaling_model import Costs, Exchange, Step, fit

BYTES = 1e8
TRUE = Costs(picture=0.01, waiting=0.02, latency=0.003, seconds_a_byte=2e-10)


def weak(workers: float) -> float:
    return 16


def strong(workers: float) -> float:
    return 64 / workers


def steps(costs: Costs, workers, batch=weak) -> list[Step]:
    return [Step(n, batch(n), costs.step(n, batch(n), BYTES)) for n in workers]


def close(found: Costs, true: Costs) -> bool:
    return all(np.isclose(v, vars(true)[k], rtol=1e-6, atol=1e-15) for k, v in vars(found).items())


def test_a_step_is_computing_waiting_and_the_ring():
    assert TRUE.step(1, 16, BYTES) == pytest.approx(0.16)
    ring = 3 * 0.003 + 2 * 7 / 8 * BYTES * 2e-10
    assert TRUE.step(8, 16, BYTES) == pytest.approx(0.16 + 0.02 + ring)


def test_known_costs_are_recovered_from_steps():
    found = fit(steps(TRUE, (1, 2, 4, 8, 16)), BYTES, weak)
    assert close(found.costs, TRUE) and found.source == "steps"
    # three numbers of workers tell three costs
    without = Costs(picture=0.01, waiting=0.02, seconds_a_byte=2e-10)
    assert close(fit(steps(without, (1, 2, 4)), BYTES, weak).costs, without)


def test_two_numbers_of_workers_and_what_the_exchange_alone_takes():
    exchanges = [Exchange(2, b, TRUE.communicating(2, b)) for b in (4e3, 1e6, 1e8)]
    found = fit(steps(TRUE, (1, 2)), BYTES, weak, exchanges)
    assert close(found.costs, TRUE) and found.source == "allreduce"
    with pytest.raises(GalcatError, match="measure three numbers of workers in weak scaling"):
        fit(steps(TRUE, (1, 2)), BYTES, weak)
    with pytest.raises(GalcatError, match="nothing was measured"):
        fit([], BYTES, weak)


def test_strong_scaling_takes_the_communication_from_the_exchange():
    """2 (N - 1) / N bytes and 64 / N pictures: steps alone cannot tell them apart."""
    both = Costs(0.05, 0.01, 0.02, 0.003, 2e-10)
    exchanges = [Exchange(n, b, both.communicating(n, b)) for n in (2, 8) for b in (4e3, 1e8)]
    found = fit(steps(both, (1, 2, 4, 8), strong), BYTES, strong, exchanges)
    assert close(found.costs, both) and found.source == "allreduce"
    with pytest.raises(GalcatError, match="cannot be told apart"):
        fit(steps(both, (1, 2, 4, 8), strong), BYTES, strong)


def test_intervals_hold_the_truth_as_often_as_they_say(monkeypatch):
    monkeypatch.setattr(scaling_model, "DRAWS", 200)
    rng = np.random.default_rng(3)
    truth = TRUE.step(1, 16, BYTES) / TRUE.step(128, 16, BYTES)
    widths, held = {0.01: [], 0.05: []}, []
    for error, width in widths.items():
        for _ in range(50):
            noisy = [
                Step(s.workers, s.batch, s.seconds * (1 + error * rng.normal()), error * s.seconds)
                for s in steps(TRUE, (1, 2, 4, 8, 16, 32))
            ]
            found = fit(noisy, BYTES, weak).efficiency(128)
            held.append(found.low <= truth <= found.high)
            width.append(found.high - found.low)
    assert 0.78 <= np.mean(held) <= 0.98  # 90%, of 100
    assert np.mean(widths[0.05]) > 2 * np.mean(widths[0.01])


def test_no_cost_is_below_zero():
    faster = [Step(1, 16, 0.2), Step(2, 16, 0.19), Step(4, 16, 0.18), Step(8, 16, 0.17)]
    found = fit(faster, BYTES, weak)
    assert min(vars(found.costs).values()) >= 0
    assert found.efficiency(512).value <= 1


def test_where_the_curve_bends():
    found = fit(steps(TRUE, (1, 2, 4, 8, 16)), BYTES, weak)
    assert found.falls_below(0.8) == 2
    # 0.16 = 0.02 + 0.04 + 0.003 log2 N at N = 10 ** 10: not up to 65,536
    assert found.bend() is None and found.bend_interval() == (None, None)
    exchanges = [Exchange(2, b, TRUE.communicating(2, b)) for b in (4e3, 1e8)]
    shared = fit(steps(TRUE, (1, 2, 4, 8, 16, 32), strong), BYTES, strong, exchanges)
    bend = shared.bend()
    assert shared.costs.step(bend, strong(bend), BYTES) >= 2 * shared.costs.computing(strong(bend))
    assert 8 < bend < 16
    low, high = shared.bend_interval()
    assert 8 < low <= bend <= high < 16


def test_another_network_changes_the_communication_alone():
    here = fit(steps(TRUE, (1, 2, 4, 8)), BYTES, weak)
    there = here.with_network(bandwidth_gb_s=10, latency_us=5)
    assert there.costs.seconds_a_byte == pytest.approx(1e-10)
    assert there.costs.latency == pytest.approx(1e-5)
    assert there.costs.picture == here.costs.picture
    assert there.efficiency(64).value > here.efficiency(64).value
    alone = fit(steps(TRUE, (1,)), BYTES, weak)
    assert alone.source == "" and alone.costs == Costs(picture=pytest.approx(0.01))
    assert alone.with_network(10, 5).source == "network"


def test_the_published_table_and_its_model():
    last = khan.TABLE[-1]
    assert khan.TABLE[0].epoch_seconds[-1] / last.epoch_seconds[-1] == pytest.approx(60, abs=0.5)
    assert last.efficiency == pytest.approx(0.94, abs=0.005)
    model = khan.model()
    for row in khan.TABLE:
        assert model.efficiency(row.gpus).value == pytest.approx(row.efficiency, abs=0.02)
        assert model.speed(row.gpus).value == pytest.approx(row.images_per_second, rel=0.02)
