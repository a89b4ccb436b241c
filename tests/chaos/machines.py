"""Ray nodes and an MLflow server as processes of our own, to be killed."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.servers import free_port, wait_until_healthy, wait_until_open


def descendants(pid: int) -> list[int]:
    """Of a process that lives: what it started, and what those started."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(entry.name)] = int(
                (entry / "stat").read_text().rpartition(")")[2].split()[1]
            )
    found, fresh = [], [pid]
    while fresh:
        fresh = [child for child, parent in parents.items() if parent in fresh]
        found += fresh
    return found


def command_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return ""


def kill(*pids: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@dataclass
class Server:
    """A command that runs until it is killed, with all that it started."""

    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            env=os.environ | self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def of(self, word: str) -> list[int]:
        """Processes of it whose command has this word."""
        return [pid for pid in descendants(self.process.pid) if word in command_of(pid)]

    def kill(self) -> None:
        kill(*descendants(self.process.pid), self.process.pid)
        self.process.wait()


@dataclass
class Nodes:
    """A Ray cluster on this machine: a head that trains nothing, and nodes of one CPU each."""

    root: Path
    num_nodes: int = 2
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        token = self.root / "token"
        token.write_text(secrets.token_hex(32))
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_worker_niceness": "0",
        }
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """The whole cluster, at the address that it had before."""
        where = ["--head", f"--port={self.port}", "--num-cpus=0", "--include-dashboard=false"]
        self.head = self._node(*where)
        wait_until_open(self.port)
        self.nodes = [self._worker_node() for _ in range(self.num_nodes)]

    def kill_worker(self, draw: Random) -> bool:
        """One that trains; whether there was one."""
        training = [pid for node in self.nodes for pid in node.of("Trainable.")]
        kill(*draw.sample(training, min(1, len(training))))
        return bool(training)

    def kill_raylet(self, draw: Random) -> bool:
        """That of a node; another node takes its place."""
        number = draw.randrange(len(self.nodes))
        raylets = self.nodes[number].of("raylet/raylet")
        kill(*raylets)
        time.sleep(1)
        self.nodes[number].kill()
        self.nodes[number] = self._worker_node()
        return bool(raylets)

    def kill_all(self) -> None:
        for node in [*self.nodes, self.head]:
            node.kill()

    def _worker_node(self) -> Server:
        """One that has joined: a node that starts on a busy machine may give up."""
        limit = time.monotonic() + 180
        while True:
            node = self._node(f"--address={self.address}", "--num-cpus=1")
            while node.process.poll() is None and not node.of("raylet/raylet"):
                time.sleep(0.2)
            if node.process.poll() is None:
                return node
            assert time.monotonic() < limit, "no node can be started"

    def _node(self, *options: str) -> Server:
        ray = str(Path(sys.executable).with_name("ray"))
        command = [ray, "start", *options, "--block", "--disable-usage-stats"]
        return Server([*command, "--node-ip-address=127.0.0.1"], self.environment)


@dataclass
class Tracking:
    """An MLflow server on SQLite."""

    root: Path
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.start()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        command += ["--workers", "1", "--port", str(self.port)]
        command += ["--backend-store-uri", f"sqlite:///{self.root}/server.db"]
        command += ["--artifacts-destination", str(self.root / "served")]
        self.server = Server(command, {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"})
        wait_until_healthy(self.server.process, f"{self.uri}/health")

    def kill(self) -> None:
        self.server.kill()
