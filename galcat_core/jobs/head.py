"""The head of a job: `python -m galcat_core.jobs.head JOB_FOLDER SUBMISSION`; runs its command, writes how it ended.

There is one wherever a job runs: started by `local` and detached from whoever starts it, or by Slurm on
the job's first node; in both cases by way of a `keeper`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType

import psutil

from galcat_core.errors import GalcatError, WorkKilled
from galcat_core.jobs import lease, slurm_commands, surroundings
from galcat_core.jobs.control import PLACES
from galcat_core.jobs.job import KILLED, Attempt, Job, State, Submission, now
from galcat_core.jobs.keeper import GOES_ON, Keeper, after_kill, say

GRACE_SECONDS = 15.0  # between asking the command to end and killing it
TOLD = re.compile(r"galcat \w+: .+")  # what a verb says of its end
CODES = {"finished": 0, "failed": 2, "cancelled": 3, "interrupted": 3}  # of the head itself


def main(arguments: list[str]) -> int:
    """Run a job; return 0 after a good end."""
    parser = argparse.ArgumentParser(prog="galcat_core.jobs.head")
    parser.add_argument("folder")
    parser.add_argument("submission", type=int)
    parser.add_argument("--detach", action="store_true", help="return as soon as the job runs")
    given = parser.parse_args(arguments)
    try:
        job = Job.open(given.folder)
        submission = Submission(job.folder, given.submission)
        ready = _detach() if given.detach else lambda: None
        keeper = Keeper(job, submission, PLACES[job.place.kind])
        return keeper.keep(lambda: Head(job, submission, keeper, ready).run())
    except GalcatError as error:
        print(error, file=sys.stderr, flush=True)
        return 2


class Head:
    """A job's command, run, watched and stopped."""

    def __init__(
        self, job: Job, submission: Submission, keeper: Keeper, ready: Callable[[], None]
    ) -> None:
        self.job, self.submission, self.place = job, submission, keeper.place
        self.keeper, self.ready = keeper, ready
        self.asked = ""  # to stop, and why
        self.attempt: Attempt
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGUSR1, self._stop)

    def run(self) -> int:
        """Run the command, again where it was killed; return the head's exit code."""
        with lease.held(self.job.folder, "run"):
            while True:
                self._sweep()
                self.attempt = self.job.begin_attempt(
                    self.submission, self.keeper.process, *slurm_commands.job_here()
                )
                _speak_into(self.attempt)
                self.ready()
                state = self._finish(self._run())
                if state.name != KILLED:
                    return CODES[state.name]

    def _sweep(self) -> None:
        """End what is left of an attempt whose head was killed: it would be in the way of this one."""
        for before in self.job.attempts[-1:]:
            left = []
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error, OSError):
                    if process.environ().get(surroundings.LOGS) == str(before.folder):
                        process.kill()
                        left.append(process)
            psutil.wait_procs(left, GRACE_SECONDS)
            self.place.sweep(before)

    def _run(self) -> int:
        """Run the command to its end, or until it is asked to stop; return its exit code."""
        environment = os.environ | self.place.environment(self.job)
        environment |= {
            surroundings.HEAD: str(os.getpid()),
            surroundings.LOGS: str(self.attempt.folder),
            "PYTHONUNBUFFERED": "1",
        }
        words = self.job.command
        print(
            f"[{now()}] {self.job.id}, attempt {self.attempt.number}: {shlex.join(words)}",
            flush=True,
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "galcat_core.jobs.command", *words],
            cwd=self.job.project,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        while process.poll() is None and not self.asked and not self._is_orphan():
            time.sleep(0.1)
        if process.poll() is None and not self._is_orphan():
            _end(process)
        # what it started is of its group: srun, which would let its workers live on
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return process.returncode

    def _is_orphan(self) -> bool:
        """Tell whether the batch system takes the job for ended: what runs on has no right to its nodes."""
        return self.place.ENDS_WITH_KEEPER and os.getppid() != self.keeper.process.pid

    def _stop(self, number: int, _: FrameType | None) -> None:
        self.asked = self.asked or signal.Signals(number).name

    def _finish(self, code: int) -> State:
        state = self._end_of(code)
        if state.name == "interrupted" and self.asked == "SIGUSR1":
            # written first: once it is in the queue this process is ended
            self.attempt.finish(State("requeued", "its time was up"), code)
            print(f"[{now()}] the time limit is near: back into the queue", flush=True)
            why_not = self.place.queue_again(self.job, self.attempt)
            if not why_not:
                return state
            state = State(
                "interrupted",
                f"its time was up, and it could not go on by itself ({why_not}); {GOES_ON}",
            )
        say(self.attempt, state)
        self.attempt.finish(state, code)
        return state

    def _end_of(self, code: int) -> State:
        if code == 0:
            return State("finished")
        if self.submission.cancelled.exists():
            return State("cancelled")
        if self._is_orphan():
            return State("interrupted", f"its batch script was killed; {GOES_ON}")
        if self.asked == "SIGUSR1":
            return State("interrupted", "its time was up")
        if self.asked:
            return State("interrupted", f"it was told to end (SIGTERM); {GOES_ON}")
        taken = self.place.taken_away(self.attempt)
        if taken:
            return State("interrupted", f"{taken}; {GOES_ON}")
        failed = State("failed", _reason(code, self.attempt))
        killed = code < 0 or code == WorkKilled.code
        return after_kill(self.job, self.attempt, failed) if killed else failed


def _reason(code: int, attempt: Attempt) -> str:
    """Return one line that tells why the command failed."""
    if code < 0:
        name = signal.Signals(-code).name
        memory = " (is the memory full?)" if -code == signal.SIGKILL else ""
        return f"its process was killed by {name}{memory}; {GOES_ON}"
    lines = attempt.log.read_text(errors="replace").replace("\r", "\n").splitlines()
    last = next((line.strip() for line in reversed(lines) if line.strip()), f"exit code {code}")
    told = TOLD.search(last)  # it may stand behind a bar that has not come to its end
    return told[0] if told else last


def _end(process: subprocess.Popen) -> None:
    """Ask the command and all that it started to end, then kill them."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _speak_into(attempt: Attempt) -> None:
    """Let all that this process and its command say go into the attempt's log."""
    sys.stdout.flush()
    sys.stderr.flush()
    with attempt.log.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


def _detach() -> Callable[[], None]:
    """Go on in a process of its own; the one that was started ends when `ready` is called there."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        ready = os.read(reading, 1)
        if not ready:  # it ended before: as it did
            _, status = os.waitpid(child, 0)
            os._exit(max(os.waitstatus_to_exitcode(status), 1))
        os._exit(0)
    os.close(reading)
    os.setsid()

    def tell() -> None:
        with contextlib.suppress(OSError):  # told before
            os.write(writing, b"1")
            os.close(writing)

    return tell


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
