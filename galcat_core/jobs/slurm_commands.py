"""What galcat asks of Slurm, one function a question: sbatch, squeue, sacct, scancel, scontrol, sinfo."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.jobs import surroundings
from galcat_core.jobs.asking import Unreachable, ask

# of `squeue --states=all`: what is still to come, or under way
QUEUED = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD")
ALIVE = (
    "RUNNING",
    "CONFIGURING",
    "COMPLETING",
    "SUSPENDED",
    "SIGNALING",
    "STAGE_OUT",
    "STOPPED",
    "RESIZING",
)


COLUMNS = {  # of squeue, and their widths
    "JobID": 24,
    "State": 24,
    "RestartCnt": 12,
    "exit_code": 12,
    "Reason": 64,
    "NodeList": 400,
}


class Killed(GalcatError):
    """The command was ended by a signal, as all processes of a job are that Slurm ends."""


@dataclass(frozen=True)
class Word:
    """What Slurm says of a job.

    Attributes
    ----------
    state : str
        Slurm's own: "PENDING", "RUNNING", "TIMEOUT", ...
    reason : str
        Why it waits or ended, where Slurm says so; else empty.
    restarts : int
        How often it was requeued.
    nodes : str
        As "n[1-2]"; empty before it runs.
    code : int
        Of the batch script's end: -9 where it was killed by signal 9.
    """

    state: str
    reason: str = ""
    restarts: int = 0
    nodes: str = ""
    code: int = 0

    @property
    def queued(self) -> bool:
        """Whether it waits for its (next) start."""
        return self.state in QUEUED

    @property
    def alive(self) -> bool:
        """Whether its processes run."""
        return self.state in ALIVE


def job_here() -> tuple[str, int]:
    """Return number and restarts of the Slurm job that this process is part of; else nothing and 0."""
    restarts = os.environ.get("SLURM_RESTART_COUNT", "0")
    return os.environ.get("SLURM_JOB_ID", ""), int(restarts) if restarts.isdigit() else 0


def is_here() -> bool:
    """Tell whether Slurm's commands are installed on this machine."""
    return shutil.which("sbatch") is not None


def version() -> str:
    """Return "22.05.8", or an empty string without Slurm."""
    return _run("sbatch", "--version").split()[-1].split("-")[0] if is_here() else ""


def submit(script: Path, partition: str) -> str:
    """Hand a batch script in; return the job's number.

    Raises
    ------
    GalcatError
        Slurm refuses it: its words, and what is legal where that can be told.
    """
    try:
        return _run("sbatch", "--parsable", str(script)).split(";")[0]
    except Unreachable:
        raise
    except GalcatError as error:
        told = str(error)
        if "partition" in told.lower() and partition:
            there = partitions()
            told = (
                f"Slurm has no partition '{partition}' for you; there are "
                f"{listed(there)}.{nearest(partition, there)}"
            )
        raise GalcatError(f"the job was not accepted: {told}") from error


def words() -> dict[str, Word]:
    """Return what the queue says of this user's jobs, those that ended minutes ago among them.

    Returns
    -------
    dict of str to Word
        The job's number -> the word.
    """
    return _words("--me")


def word_of(job: str) -> Word | None:
    """Return what Slurm says of a job, whoever's it is; None where it has forgotten it."""
    try:
        found = _words(f"--jobs={job}").get(job)
    except Unreachable:
        raise
    except GalcatError:  # "Invalid job id specified": it ended more than minutes ago
        found = None
    return found or _past(job)


def _words(which: str) -> dict[str, Word]:
    wide = ",".join(f"{name}:{width}" for name, width in COLUMNS.items())
    told = _run("squeue", which, "--noheader", "--states=all", "-O", wide)
    found = {}
    for line in told.splitlines():
        cells, start = [], 0
        for width in COLUMNS.values():
            cells.append(line[start : start + width].strip())
            start += width
        job, state, restarts, code, reason, where = cells
        reason = "" if reason == "None" else reason
        found[job] = Word(state, reason, int(restarts or 0), where, _exit_code(code))
    return found


def _past(job: str) -> Word | None:
    """Return what the accounting remembers of a job that the queue forgot; None where there is none."""
    try:
        lines = _run(
            "sacct", "-n", "-P", "-X", "-j", job, "-o", "State,ExitCode,NodeList"
        ).splitlines()
    except Unreachable:
        raise
    except GalcatError:  # "Slurm accounting storage is disabled"
        return None
    if not lines:
        return None
    state, code, where = lines[-1].split("|")
    return Word(state.split()[0], "", 0, where, _exit_code(code))  # "CANCELLED by 1000"


def number_of(name: str) -> str | None:
    """Return the number of the job with a name, for one that was handed in by a process that died."""
    found = _run("squeue", "--me", "--noheader", "--states=all", "--name", name, "-o", "%A").split()
    return found[-1] if found else None


def steps(job: str, name: str) -> list[str]:
    """Return the steps of a job that run and are called so, as "12.0": what srun has started in it."""
    told = _run("squeue", "--noheader", "--steps", "--jobs", job, "-o", "%i %j").splitlines()
    return [line.split()[0] for line in told if line.split()[1:] == [name]]


def cancel(job: str) -> None:
    """Take a job out of the queue, or end it, or a step of one."""
    _run("scancel", job)


def requeue(job: str) -> None:
    """Put a running job back into the queue; Slurm ends its processes, this one's command too."""
    with contextlib.suppress(Killed):
        _run("scontrol", "requeue", job)


def address_of(node: str) -> str:
    """Return the address by which Slurm reaches a node: a name or a number."""
    told = _run("scontrol", "--oneliner", "show", "node", node)
    fields = dict(word.split("=", 1) for word in told.split() if "=" in word)
    return fields.get("NodeAddr", node)


def expand(nodes: str) -> list[str]:
    """Return ["n1", "n2"] for "n[1-2]", in the order of the ranks."""
    return _run("scontrol", "show", "hostnames", nodes).split()


def partitions() -> list[str]:
    """Return the names of the partitions."""
    return sorted(set(_run("sinfo", "--noheader", "-o", "%R").split()))


def nodes() -> list[str]:
    """Return a line for each partition: its name, nodes, cores, GPUs, longest time."""
    told = _run("sinfo", "--noheader", "-o", "%R: %D nodes (%T), %c cores, %G, at most %l")
    return told.replace("(null)", "no GPUs").splitlines()


def mpi_types() -> list[str]:
    """Return what srun can start workers for that talk by MPI, as "pmix", "pmi2"."""
    return _run("srun", "--mpi=list", aside=True).split()  # older ones say it aside


def _exit_code(told: str) -> int:
    """Return an exit code, or minus a signal's number, of "1:0", "0:9", or the number that wait() gives."""
    code, colon, number = told.partition(":")
    if colon:
        return -int(number) if int(number) else int(code)
    return os.waitstatus_to_exitcode(int(told)) if told.isdigit() else 0


def _run(*command: str, aside: bool = False) -> str:
    """Return what a command of Slurm's says, with what it says to standard error if wanted.

    Raises
    ------
    Unreachable
        It is not there, or it does not get through to the controller.
    Killed
        It was killed before it could answer.
    GalcatError
        It refuses.
    """
    environment = surroundings.of_another()
    if command[0] == "sbatch" and "SLURM_JOB_ID" in environment:
        # what the job that this process runs in was given is not meant for the new one
        outer = [key for key in environment if key.startswith("SLURM_") and key != "SLURM_CONF"]
        for key in outer:
            del environment[key]
    ended = ask(command, environment)
    if ended.code == 0:
        return (ended.out + aside * ended.aside).strip("\n")
    if ended.code < 0:
        raise Killed(f"{command[0]} was killed by signal {-ended.code}")
    lines = [line for line in ended.aside.splitlines() if line.strip()] or ["no word"]
    told = lines[0].removeprefix(f"{command[0]}: ").removeprefix("error: ")
    lost = ("contact", "connect", "socket", "controller", "s_p_parse_file", "resolve", "timed out")
    if any(sign in " ".join(lines).lower() for sign in lost):
        raise Unreachable(f"Slurm does not answer {command[0]} ({told}); try again later")
    raise GalcatError(told)
