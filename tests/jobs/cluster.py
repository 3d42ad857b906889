"""A real Slurm on this machine, as the user who tests, in a folder of its own; gone afterwards.

Two nodes for the tests that compute, and two aside for jobs that mostly wait.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

DAEMONS = ("munged", "slurmctld", "slurmd")
WHERE = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
CONF = """
ClusterName=galcat
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdTimeout=20
KillWait=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 State=UNKNOWN
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 State=UNKNOWN
NodeName=n3 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[3]} CPUs=1 State=UNKNOWN
NodeName=n4 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[4]} CPUs=1 State=UNKNOWN
PartitionName=short Nodes=n1,n2 Default=YES MaxTime=600 State=UP PriorityTier=1
PartitionName=urgent Nodes=n1,n2 MaxTime=600 State=UP PriorityTier=9 PreemptMode=OFF
PartitionName=aside Nodes=n3,n4 MaxTime=600 State=UP
"""
NODES = ("n1", "n2", "n3", "n4")

# ends what a Slurm has started, jobs included, once its input ends: with the tests, however they end
GUARD = """
import contextlib, psutil, shutil, sys
sys.stdin.read()
for process in psutil.process_iter():
    with contextlib.suppress(psutil.Error):
        ours = process.environ().get("SLURM_CONF", "").startswith(sys.argv[1])
        if process.name() == "slurmstepd":  # forgets its environment, and listens in its node's folder
            ours = any(s.laddr.startswith(sys.argv[1]) for s in process.net_connections("unix"))
        if ours and process.pid != int(sys.argv[2]):
            process.kill()
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


def why_not() -> str:
    """Tell why there can be no Slurm here; nothing if there can."""
    missing = [
        name for name in (*DAEMONS, "sbatch", "setpriv") if not shutil.which(name, path=WHERE)
    ]
    if missing:
        return f"no real Slurm here, {', '.join(missing)} missing (apt-get install slurm-wlm munge)"
    # slurmd starts the steps of a job as their user, which takes root
    return "" if os.geteuid() == 0 else "a Slurm of two nodes on one machine takes root"


@dataclass
class Cluster:
    """The daemons of a Slurm, and questions to it."""

    folder: Path
    daemons: dict[str, subprocess.Popen] = field(default_factory=dict)

    def start(self, name: str, *command: str) -> None:
        """Start a daemon; it ends with this process, however that ends."""
        path = shutil.which(command[0], path=WHERE)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", path, *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_node(self, name: str) -> None:
        """Start slurmd of a node."""
        self.start(name, "slurmd", "-D", "-N", name)

    def kill(self, name: str) -> None:
        """Kill -9 a daemon."""
        self.daemons[name].send_signal(signal.SIGKILL)
        self.daemons[name].wait()

    def boot(self, name: str) -> None:
        """Start a node that was lost: nothing runs on it any more. A job's step would have Slurm drain it."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                sockets = process.net_connections("unix") if process.name() == "slurmstepd" else ()
                if any(s.laddr.startswith(f"{self.folder}/spool-{name}/") for s in sockets):
                    for one in (*process.children(recursive=True), process):
                        one.kill()
                    process.wait()
        self.start_node(name)

    def ask(self, *command: str) -> str:
        """Run a command of Slurm's; return what it says, nothing where it fails."""
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    def ready(self) -> bool:
        """Tell whether both nodes take jobs."""
        told = self.ask("sinfo", "--noheader", "-Np", "short", "-o", "%N %T")
        return told.split("\n") == ["n1 idle", "n2 idle"]

    def logs(self) -> str:
        """Return the last lines of the daemons' logs."""
        texts = (path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*.log"))
        return "\n".join(texts)


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """Start the daemons, wait until the nodes take jobs; end all of it."""
    # sockets' paths are short: pytest's own folders may be too deep
    folder = Path(tempfile.mkdtemp(prefix="galcat-slurm-"))
    made = Cluster(folder)
    before = os.environ.get("SLURM_CONF")
    guard = [sys.executable, "-c", GUARD, str(folder), str(os.getpid())]
    guard = subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True)
    try:
        _configure(folder)
        os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
        _start(made)
        yield made
        made.ask("scancel", "--user", getpass.getuser())
        _wait(lambda: not made.ask("squeue", "-h"), 60.0)
    finally:
        for name in reversed(made.daemons):
            made.daemons[name].terminate()
        for name, process in made.daemons.items():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                made.kill(name)
        guard.communicate()
        if before is None:
            os.environ.pop("SLURM_CONF", None)
        else:
            os.environ["SLURM_CONF"] = before


def _configure(folder: Path) -> None:
    folder.chmod(0o755)  # munged asks for it
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    (folder / "state").mkdir()
    text = CONF.format(
        host=socket.gethostname(), folder=folder, ports=_ports(), user=getpass.getuser()
    )
    (folder / "slurm.conf").write_text(text)


def _ports() -> list[int]:
    """Return free ports, below those that the system gives to connections: none is taken meanwhile."""
    drawn = secrets.SystemRandom().sample(range(15000, 30000), 200)
    return [port for port in drawn if _is_free(port)][: len(NODES) + 1]


def _is_free(port: int) -> bool:
    with socket.socket() as one, contextlib.suppress(OSError):
        one.bind(("127.0.0.1", port))
        return True
    return False


def _start(made: Cluster) -> None:
    folder = made.folder
    names = ("socket", "key-file", "pid-file", "seed-file")
    files = ("munge.socket", "munge.key", "munge.pid", "munge.seed")
    options = [f"--{name}={folder / file}" for name, file in zip(names, files, strict=True)]
    made.start("munged", "munged", "--foreground", "--force", *options)
    _wait((folder / "munge.socket").exists)
    made.start("slurmctld", "slurmctld", "-D")
    _wait(lambda: "UP" in made.ask("scontrol", "ping"))
    for name in NODES:
        made.start_node(name)
    if not _wait(made.ready):
        raise RuntimeError(f"the nodes did not come up:\n{made.logs()}")


def _wait(condition, seconds: float = 120.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
