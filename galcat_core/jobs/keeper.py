"""The keeper of a job's head: who the place starts, and who starts the head again when that is killed.

The head is its child, and does all the work, so that nothing is left here that could be too large for
the memory. It starts the head again `restarts` times at most; it does not where anybody asked the job to
end: galcat jobs cancel, the batch system, a signal to this process, which the head gets too.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType, ModuleType

from galcat_core.jobs.job import KILLED, Attempt, Job, State, Submission, now
from galcat_core.jobs.process import Process

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
GOES_ON = "galcat jobs resume goes on"


class Keeper:
    """Runs `work` in a child, and again when the child was killed.

    Attributes
    ----------
    process : Process
        This one.
    """

    def __init__(self, job: Job, submission: Submission, place: ModuleType) -> None:
        self.job, self.submission, self.place = job, submission, place
        self.process = Process.of(os.getpid())
        self._asked = False
        self._child = 0

    def keep(self, work: Callable[[], int]) -> int:
        """Return the child's exit code, here; in the child, what `work` returns."""
        for number in SIGNALS:
            signal.signal(number, self._hand_on)
        for _ in range(self.job.place.settings.restarts + 1):
            # a signal waits until it is clear to whom it is handed on
            signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            self._child = 0 if self._asked else os.fork()
            if os.getpid() != self.process.pid:
                for number in SIGNALS:
                    signal.signal(number, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
                return work()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            if not self._child:
                break
            child, status = os.waitpid(self._child, 0)
            self._child = 0
            code = os.waitstatus_to_exitcode(status)
            if code >= 0:
                return code
            if not self._goes_on(child, code):
                break
        return 3

    def _hand_on(self, number: int, _: FrameType | None) -> None:
        self._asked = True
        if self._child:
            os.kill(self._child, number)

    def _goes_on(self, child: int, code: int) -> bool:
        """Tell whether the head, which was killed, is started again; write how its attempt ended."""
        found = self.job.attempts_of(self.submission)
        attempt = found[-1] if found else None
        if attempt is None or attempt.process.pid != child:  # it had not yet begun
            return True
        if attempt.end:
            return False
        state = self._end_of(attempt, f"its head was killed by {signal.Signals(-code).name}")
        attempt.finish(state, code)
        say(attempt, state)
        return state.name == KILLED

    def _end_of(self, attempt: Attempt, told: str) -> State:
        if self.submission.cancelled.exists():
            return State("cancelled")
        taken = self.place.taken_away(attempt)
        if self._asked or taken:
            return State("interrupted", f"{taken or told}; {GOES_ON}")
        return after_kill(self.job, attempt, State("interrupted", f"{told}; {GOES_ON}"))


def after_kill(job: Job, attempt: Attempt, otherwise: State) -> State:
    """Return how an attempt ends of which a process was killed: `KILLED` if the job goes on by itself."""
    before = len(job.alike(attempt)) - 1
    if before < job.place.settings.restarts:
        return State(KILLED, otherwise.reason.removesuffix(f"; {GOES_ON}"))
    again = f" (it went on by itself before, {before} times of {before})" if before else ""
    return State(otherwise.name, f"{otherwise.reason}{again}")


def say(attempt: Attempt, state: State) -> None:
    """Tell in the attempt's log how it ended."""
    goes_on = "; the job goes on by itself" if state.name == KILLED else ""
    told = f": {state.reason}" if state.reason else ""
    with attempt.log.open("a") as log:
        print(f"[{now()}] {state.name}{told}{goes_on}", file=log)
