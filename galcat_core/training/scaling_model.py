"""What a training step costs with many workers, as a MODEL: times of steps in, costs and expectations out.

    step = computing + waiting + communicating
    computing(batch)  = fixed + picture x batch       fixed only where batches differ (strong scaling)
    waiting           = waiting, for more than one worker: they share a machine, and start together
    communicating(N)  = latency x log2 N + seconds_a_byte x 2 (N - 1) / N x bytes

The last term is the ring allreduce (Patarasuk & Yuan 2009, doi:10.1016/j.jpdc.2008.09.002), which is
what Horovod does with gradients (Sergeev & Del Balso 2018, arXiv:1802.05799); the latency is paid
once for each doubling of the workers. galcat communicates after it has computed, not meanwhile, so
the terms add up.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from galcat_core.errors import GalcatError

MODEL = "MODEL"  # how every figure and table names what was not measured
DRAWS = 2000  # of the measured times, behind an interval
BENDS = 200  # of them, behind the interval of the bend
COVERAGE = 0.9
LEAST_ERROR = 0.005  # of a time: a clock knows no better than the machine is quiet
MOST_WORKERS = 65_536


@dataclass(frozen=True)
class Step:
    """What a step took.

    Attributes
    ----------
    workers : int
    batch : float
        Pictures a worker.
    seconds : float
    error : float
        Standard error of the seconds.
    """

    workers: int
    batch: float
    seconds: float
    error: float = 0.0


@dataclass(frozen=True)
class Exchange:
    """What adding up so many bytes over so many workers took, and nothing else (see `scaling_worker`)."""

    workers: int
    bytes: float
    seconds: float
    error: float = 0.0


@dataclass(frozen=True)
class Costs:
    """The constants of the model, seconds all (see the module)."""

    fixed: float = 0.0
    picture: float = 0.0
    waiting: float = 0.0
    latency: float = 0.0
    seconds_a_byte: float = 0.0

    def computing(self, batch: float) -> float:
        """Return the seconds that a worker computes."""
        return self.fixed + self.picture * batch

    def communicating(self, workers: float, count: float) -> float:
        """Return the seconds in which so many bytes are added up, the waiting not included."""
        if workers <= 1:
            return 0.0
        ring = 2 * (workers - 1) / workers * count
        return self.latency * math.log2(workers) + self.seconds_a_byte * ring

    def step(self, workers: float, batch: float, count: float) -> float:
        """Return the seconds of a step whose gradient has so many bytes."""
        waiting = self.waiting if workers > 1 else 0.0
        return self.computing(batch) + waiting + self.communicating(workers, count)


@dataclass(frozen=True)
class Expected:
    """What the model says of a number of workers, with the ends of its interval (5% and 95%)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Model:
    """Fitted costs.

    Attributes
    ----------
    costs : Costs
        The best fit.
    draws : tuple of Costs
        Fits to times drawn within their errors: what the intervals come from.
    bytes : float
        Of the gradient, in each step.
    batch : callable
        Workers -> pictures a worker: constant in weak scaling, a share of the whole in strong.
    source : str
        Where the communication is from: "steps", "allreduce", "network" (given), or "" (unknown:
        one worker alone was measured).
    """

    costs: Costs
    draws: tuple[Costs, ...]
    bytes: float
    batch: Callable[[float], float]
    source: str

    def _spread(self, of: Callable[[Costs], float]) -> Expected:
        found = np.array([of(costs) for costs in self.draws])
        low, high = np.quantile(found, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
        value = of(self.costs)
        return Expected(float(value), float(min(low, value)), float(max(high, value)))

    def step(self, workers: float) -> Expected:
        """Return the seconds of a step."""
        return self._spread(lambda c: c.step(workers, self.batch(workers), self.bytes))

    def speed(self, workers: float) -> Expected:
        """Return the pictures a second of all workers."""
        batch = self.batch(workers)
        return self._spread(lambda c: workers * batch / c.step(workers, batch, self.bytes))

    def efficiency(self, workers: float) -> Expected:
        """Return the speed over that of as many workers that never wait for another."""
        return self._spread(lambda costs: _efficiency(self, costs, workers))

    def falls_below(self, efficiency: float) -> int | None:
        """Return the fewest workers with a lower efficiency; None if there are none up to 65,536."""
        return _first(lambda workers: _efficiency(self, self.costs, workers) < efficiency)

    def bend(self) -> int | None:
        """Return the fewest workers that wait and communicate for as long as they compute."""
        return self._bend_of(self.costs)

    def bend_interval(self) -> tuple[int | None, int | None]:
        """Return the ends of the bend's interval; None: more than 65,536 workers, if ever."""
        never = 2 * MOST_WORKERS
        found = sorted(self._bend_of(costs) or never for costs in self.draws[:BENDS])
        places = (round(share / 2 * (len(found) - 1)) for share in (1 - COVERAGE, 1 + COVERAGE))
        low, high = (None if found[place] == never else found[place] for place in places)
        return low, high

    def _bend_of(self, costs: Costs) -> int | None:
        def holds(workers: int) -> bool:
            batch = self.batch(workers)
            return costs.step(workers, batch, self.bytes) >= 2 * costs.computing(batch)

        return _first(holds)

    def with_network(self, bandwidth_gb_s: float | None, latency_us: float | None) -> Model:
        """Return the model of the same workers on another network.

        Parameters
        ----------
        bandwidth_gb_s : float or None
            Gigabytes a second that a worker sends and receives at once; None: as it was.
        latency_us : float or None
            Microseconds of a message; two are sent for each doubling of the workers. None: as it was.
        """
        given: dict[str, float] = {}
        if bandwidth_gb_s is not None:
            given["seconds_a_byte"] = 1e-9 / bandwidth_gb_s
        if latency_us is not None:
            given["latency"] = 2e-6 * latency_us
        draws = tuple(dataclasses.replace(costs, **given) for costs in self.draws)
        costs = dataclasses.replace(self.costs, **given)
        return dataclasses.replace(self, costs=costs, draws=draws, source="network")


def _first(holds: Callable[[int], bool]) -> int | None:
    """Return the fewest workers for whom something holds, to 1 in 23; None up to 65,536."""
    exponents = np.arange(0, math.log2(MOST_WORKERS) + 1e-9, 1 / 16)
    return next((n for n in (round(2**x) for x in exponents) if holds(n)), None)


def _efficiency(model: Model, costs: Costs, workers: float) -> float:
    one, batch = model.batch(1), model.batch(workers)
    alone = costs.step(1, one, model.bytes) / one
    return alone / (costs.step(workers, batch, model.bytes) / batch)


def fit(
    steps: Sequence[Step],
    count: float,
    batch: Callable[[float], float],
    exchanges: Sequence[Exchange] = (),
    seed: int = 1,
) -> Model:
    """Fit the costs to measured times.

    Where steps of three or more numbers of workers were measured they tell all costs; where there are
    two, `exchanges` tell what communicating costs, and the steps the rest; so they do in strong
    scaling, where batches shrink as the bytes of the ring grow, so that steps cannot tell one from the
    other. Where there is one, only the computing is known. No cost is below zero.

    Parameters
    ----------
    steps : sequence of Step
        One for each number of workers.
    count : float
        Bytes of the gradient.
    batch : callable
        Workers -> pictures a worker.
    exchanges : sequence of Exchange
    seed : int
        Of the draws behind the intervals.

    Raises
    ------
    GalcatError
        No step, or no exchange where there have to be some.
    """
    if not steps:
        raise GalcatError("nothing was measured: a model needs one number of workers at least")
    alone = len({step.workers for step in steps}) < 2
    told = len({step.workers for step in steps}) > 2 and len({step.batch for step in steps}) == 1
    if not (alone or told or exchanges):
        raise GalcatError(
            "computing and communicating cannot be told apart: measure three numbers of workers in weak "
            "scaling, or what adding up the gradient alone takes"
        )
    rng = np.random.default_rng(seed)

    def once(noisy: bool) -> Costs:
        drawn = [_drawn(step, rng) for step in steps] if noisy else list(steps)
        if told or alone:
            return _of_steps(drawn, count)
        rest = [_drawn(one, rng) for one in exchanges] if noisy else list(exchanges)
        return _of_steps(drawn, count, _of_exchanges(rest))

    draws = tuple(once(noisy=True) for _ in range(DRAWS))
    return Model(once(False), draws, count, batch, "" if alone else ("allreduce", "steps")[told])


def _drawn(measured: Step | Exchange, rng: np.random.Generator) -> Step | Exchange:
    seconds = rng.normal(measured.seconds, _error(measured))
    return dataclasses.replace(measured, seconds=max(seconds, 0.0))


def _error(measured: Step | Exchange) -> float:
    return max(measured.error, LEAST_ERROR * measured.seconds)


def _of_steps(steps: Sequence[Step], count: float, known: Costs | None = None) -> Costs:
    """Return all costs, or those besides the communication that is known."""
    kinds = len({(step.workers, step.batch) for step in steps})
    columns: dict[str, list[float]] = {"picture": [step.batch for step in steps]}
    if len({step.batch for step in steps}) > 1:
        columns["fixed"] = [1.0 for _ in steps]
    several = [float(step.workers > 1) for step in steps]
    if known is None:
        columns["seconds_a_byte"] = [
            Costs(seconds_a_byte=1).step(s.workers, 0, count) for s in steps
        ]
    if 0.0 in several and 1.0 in several:
        columns["waiting"] = several
    if known is None:
        columns["latency"] = [math.log2(step.workers) for step in steps]
    # the last are left out where there are fewer times than costs
    names = list(columns)[:kinds]
    known = known or Costs()
    seconds = [s.seconds - known.communicating(s.workers, count) for s in steps]
    found = _solved([columns[name] for name in names], seconds, [_error(step) for step in steps])
    return dataclasses.replace(known, **dict(zip(names, found, strict=True)))


def _of_exchanges(exchanges: Sequence[Exchange]) -> Costs:
    columns = [
        [math.log2(one.workers) for one in exchanges],
        [Costs(seconds_a_byte=1).step(one.workers, 0, one.bytes) for one in exchanges],
    ]
    seconds, errors = [one.seconds for one in exchanges], [_error(one) for one in exchanges]
    latency, seconds_a_byte = _solved(columns, seconds, errors)
    return Costs(latency=latency, seconds_a_byte=seconds_a_byte)


def _solved(
    columns: Sequence[Sequence[float]], seconds: Sequence[float], errors: Sequence[float]
) -> list[float]:
    """Return the costs of least squares, none below zero, each time by its error."""
    weight = 1 / np.maximum(np.asarray(errors), 1e-12)
    matrix = np.array(columns, float).T * weight[:, None]
    scale = np.maximum(np.abs(matrix).max(axis=0), 1e-300)  # bytes and ones in one matrix
    found, _ = nnls(matrix / scale, np.maximum(seconds, 0.0) * weight)
    return [float(x) for x in found / scale]
