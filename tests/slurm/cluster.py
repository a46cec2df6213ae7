"""A real Slurm of one node, on this machine: Debian's daemons, with all their state in one folder.

Nothing outside the folder is touched but by apt-get, where Slurm is not installed. The node has the
shipped profile's partitions, `cpu` and `gpu`, and more cores, memory and GPUs than the machine may
have: Slurm counts them and limits nobody. There is no accounting.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
DAEMONS = ("slurmctld", "slurmd", "munged")
STARTUP = 20  # seconds
SHUTDOWN = 20  # seconds

_CONFIG = """\
ClusterName=poq
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=2
ReturnToService=2
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=128000 Gres=gpu:2
PartitionName=cpu Nodes={host} Default=YES
PartitionName=gpu Nodes={host}
"""
# A job step drops SLURM_CONF, and would look for /etc/slurm/slurm.conf.
_SRUN = """\
#!/bin/sh
SLURM_CONF={folder}/slurm.conf exec {srun} "$@"
"""


class UnavailableError(Exception):
    """This machine cannot run the cluster; the message says why."""


@dataclass(frozen=True)
class Cluster:
    """A running cluster."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to submit to this cluster, and what tells that it is of it."""
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        return os.environ | {"PATH": path, "SLURM_CONF": f"{self.folder}/slurm.conf"}

    def ask(self, *command: str) -> str:
        """Return what a command of Slurm prints."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def logs(self) -> str:
        """Return the ends of the daemons' logs."""
        found = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{path.name}:\n{path.read_text()[-1500:]}" for path in found)


def require() -> None:
    """Install Slurm if it is not there.

    Raises:
        UnavailableError: this is not root on Debian, or apt-get cannot install.
    """
    if os.geteuid() != 0:
        raise UnavailableError("the daemons of Slurm must be started by root")
    if all(map(shutil.which, DAEMONS)):
        return
    if not Path("/etc/debian_version").exists() or not shutil.which("apt-get"):
        raise UnavailableError("Slurm is not installed, and this is not Debian")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(
            ["apt-get", "--quiet", *arguments], env=environment, capture_output=True, text=True
        )
        if done.returncode:
            raise UnavailableError(f"apt-get {arguments[0]} failed: {done.stderr.strip()[-300:]}")


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """Start a cluster whose state lies in a folder, and end every process of it.

    Args:
        folder: an empty folder, of a short path, since it holds a socket.

    Raises:
        UnavailableError: see :func:`require`.
        RuntimeError: a daemon does not start; with the daemons' logs.
    """
    require()
    cluster = Cluster(folder)
    daemons: list[subprocess.Popen[bytes]] = []
    _configure(folder)
    try:
        daemons.extend(_start(cluster))
        yield cluster
    finally:
        _stop(cluster)
        for daemon in daemons:
            daemon.wait()


def _configure(folder: Path) -> None:
    folder.chmod(0o755)
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    host = socket.gethostname().split(".")[0]
    controller_port, node_port = _free_ports(2)
    text = _CONFIG.format(
        host=host, controller_port=controller_port, node_port=node_port, folder=folder
    )
    (folder / "slurm.conf").write_text(text)
    # Any device does: Slurm hands out what the machine need not have.
    gpus = "".join(f"Name=gpu File=/dev/{device}\n" for device in ("null", "zero"))
    (folder / "gres.conf").write_text(f"AutoDetect=off\n{gpus}")
    wrapper = folder / "bin" / "srun"
    wrapper.write_text(_SRUN.format(folder=folder, srun=shutil.which("srun")))
    wrapper.chmod(0o755)


def _start(cluster: Cluster) -> Iterator[subprocess.Popen[bytes]]:
    """Start the daemons one after the other."""
    folder = cluster.folder
    files = ("key", "socket", "pid", "log", "seed")
    options = [
        f"--{name}{'' if name == 'socket' else '-file'}={folder}/munge.{name}" for name in files
    ]
    yield _daemon(cluster, "munged", "--foreground", "--force", *options)
    _wait(cluster, "munged", lambda: (folder / "munge.socket").exists())
    yield _daemon(cluster, "slurmctld", "-D", "-i", "-f", f"{folder}/slurm.conf")
    yield _daemon(cluster, "slurmd", "-D", "-f", f"{folder}/slurm.conf")
    _wait(cluster, "slurmd", lambda: "idle" in cluster.ask("sinfo", "--noheader", "--format=%T"))


def _daemon(cluster: Cluster, *command: str) -> subprocess.Popen[bytes]:
    """Start a daemon that dies with this process, however that dies."""
    with (cluster.folder / f"{command[0]}.out.log").open("w") as out:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            env=cluster.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def _wait(cluster: Cluster, name: str, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STARTUP
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except subprocess.CalledProcessError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"{name} did not start within {STARTUP} s\n{cluster.logs()}")


def _stop(cluster: Cluster) -> None:
    """End whatever carries the cluster's folder in its environment: daemons, steps and jobs."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + SHUTDOWN
        while (found := processes(cluster)) and time.monotonic() < deadline:
            for process in found:
                with suppress(ProcessLookupError):
                    os.kill(process, number)
            time.sleep(0.5)


def processes(cluster: Cluster) -> list[int]:
    """Return the processes of a cluster that are alive, but this one."""
    mark = f"SLURM_CONF={cluster.folder}/slurm.conf".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            alive = (path / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
            if alive and mark in (path / "environ").read_bytes().split(b"\0"):
                found.append(int(path.name))
    return found


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.socket())) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
