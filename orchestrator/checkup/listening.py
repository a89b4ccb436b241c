"""Servers of Ray and MLflow that run here, and who may reach them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.checkup.findings import Finding

_PROC = Path("/proc")
_LISTEN = "0A"
_LOOPBACK = {"0100007F", "0" * 24 + "01000000", "0000000000000000FFFF00000100007F"}


@dataclass(frozen=True)
class Server:
    """A process that listens; of other users' processes nothing is known."""

    kind: str
    pid: int
    command: list[str]
    environment: set[str]
    is_open: bool
    """Whether it listens on other addresses than those of this machine alone."""

    @property
    def asks_who_calls(self) -> bool:
        if self.kind == "Ray":
            return any(said.lower() == "ray_auth_mode=token" for said in self.environment)
        return any("basic-auth" in word for word in self.command)


def listening_findings(proc: Path = _PROC) -> list[Finding]:
    return [_judged(server) for server in servers(proc)]


def _judged(server: Server) -> Finding:
    guard = "asks for a token or password" if server.asks_who_calls else "asks nobody who calls"
    where = "listens to other machines" if server.is_open else "listens to this machine alone"
    remedy = {
        "Ray": "start it with RAY_AUTH_MODE=token",
        "MLflow": "start it with --host 127.0.0.1, or with --app-name basic-auth",
    }[server.kind]
    fine = server.asks_who_calls or not server.is_open
    return Finding.judged(f"{server.kind} ({server.pid})", f"{where}, {guard}", remedy, fine=fine)


def servers(proc: Path) -> Iterator[Server]:
    """By the process table, where there is one (Linux)."""
    for folder in sorted(proc.glob("[0-9]*")):
        with suppress(OSError):
            command = (folder / "cmdline").read_text(errors="replace").split("\0")
            if (kind := _kind(command)) is not None:
                yield _server(kind, folder, command)


def _kind(command: list[str]) -> str | None:
    if Path(command[0]).name == "gcs_server":
        return "Ray"
    is_mlflow = any("mlflow.server" in word for word in command[1:])
    return "MLflow" if is_mlflow and any("uvicorn" in word for word in command) else None


def _server(kind: str, folder: Path, command: list[str]) -> Server:
    environment = set((folder / "environ").read_text(errors="replace").split("\0"))
    links = {str(link.readlink()) for link in (folder / "fd").iterdir()}
    addresses = [address for address, inode in _listeners(folder) if f"socket:[{inode}]" in links]
    is_open = any(address not in _LOOPBACK for address in addresses)
    return Server(kind, int(folder.name), command, environment, is_open)


def _listeners(folder: Path) -> Iterator[tuple[str, str]]:
    """Address (hexadecimal, as the kernel writes it) and inode of each listening socket."""
    for table in ("tcp", "tcp6"):
        with suppress(FileNotFoundError):
            for line in (folder / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN:
                    yield fields[1].partition(":")[0], fields[9]
