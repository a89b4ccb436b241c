"""This machine: software, GPUs, limits, memory, disks, ports."""

from __future__ import annotations

import platform
import resource
import shutil
import socket
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from orchestrator.checkup.findings import Finding, Verdict

_CONSTRAINTS = Path(__file__).resolve().parents[2] / "constraints.txt"
_GIB = 2**30
_PORTS = {5000: "skeltune ui --port", 6379: "ray start --port", 8265: "ray start --dashboard-port"}


def machine_findings(home: Path) -> list[Finding]:
    return [
        _python(),
        *package_findings(),
        *gpu_findings(),
        _limit("open files", resource.RLIMIT_NOFILE, 8192, "ulimit -n 65536"),
        _limit("processes", resource.RLIMIT_NPROC, 4096, "ulimit -u 65536"),
        _space("shared memory", Path("/dev/shm"), 2, "a larger /dev/shm (docker: --shm-size=8g)"),
        _space("disk of home", _existing(home), 5, "free some space, or set SKELTUNE_HOME"),
        *(_port(port, option) for port, option in _PORTS.items()),
    ]


def _python() -> Finding:
    found = platform.python_version()
    is_known = (3, 11) <= tuple(map(int, found.split(".")[:2])) < (3, 14)
    return Finding.judged("Python", found, "use Python 3.11 to 3.13", fine=is_known)


def package_findings() -> list[Finding]:
    """Packages that are missing or too old fail; those other than the tested ones are told."""
    unmet = [found for text in requires("skeltune") or [] if (found := _unmet(Requirement(text)))]
    remedy = "pip install -c constraints.txt skeltune"
    whole = Finding.judged(
        "packages", "; ".join(unmet) or "all that is required", remedy, fine=not unmet
    )
    others = _other_versions()
    shown = ", ".join(others[:6]) + (f" and {len(others) - 6} more" if len(others) > 6 else "")
    tested = Finding.judged("versions", shown or "as tested", remedy, fine=not others, usable=True)
    return [whole, tested]


def _unmet(required: Requirement) -> str | None:
    if required.marker is not None and not required.marker.evaluate({"extra": ""}):
        return None
    try:
        found = version(required.name)
    except PackageNotFoundError:
        return f"{required.name} is missing"
    return None if required.specifier.contains(found) else f"{required.name} {found}"


def _other_versions() -> list[str]:
    """What is installed otherwise than constraints.txt says, where that is at hand."""
    if not _CONSTRAINTS.exists():
        return []
    pinned = (line.partition("==") for line in _CONSTRAINTS.read_text().splitlines())
    return [
        f"{name} {found} (tested {wanted})"
        for name, _, wanted in pinned
        if (found := _installed(name)) is not None and found.partition("+")[0] != wanted
    ]


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def gpu_findings() -> list[Finding]:
    """The build of torch, whether it fits the driver, and the free memory of each GPU."""
    import torch

    build = f"torch {torch.__version__}, CUDA {torch.version.cuda or 'none'}"
    has_driver = Path("/proc/driver/nvidia/version").exists()
    if not torch.cuda.is_available():
        remedy = "install torch for this driver's CUDA: https://pytorch.org/get-started"
        found = f"{build}; {'not usable with this driver' if has_driver else 'no NVIDIA driver'}"
        return [Finding.judged("GPUs", found, remedy, fine=not has_driver)]
    devices = range(torch.cuda.device_count())
    return [Finding("torch", Verdict.FINE, build), *(_gpu(number) for number in devices)]


def _gpu(number: int) -> Finding:
    import torch

    free, total = torch.cuda.mem_get_info(number)
    name = torch.cuda.get_device_name(number)
    found = f"{name}, {free / _GIB:.1f} of {total / _GIB:.1f} GiB free"
    remedy = "another process holds its memory: nvidia-smi"
    return Finding.judged(f"GPU {number}", found, remedy, fine=free > 0.8 * total, usable=True)


def _limit(what: str, kind: int, wanted: int, remedy: str) -> Finding:
    soft, _ = resource.getrlimit(kind)
    is_fine = soft == resource.RLIM_INFINITY or soft >= wanted
    shown = "unlimited" if soft == resource.RLIM_INFINITY else str(soft)
    return Finding.judged(what, shown, remedy, fine=is_fine, usable=soft >= wanted // 8)


def _space(what: str, folder: Path, wanted_gib: float, remedy: str) -> Finding:
    if not folder.exists():
        return Finding(what, Verdict.DOUBTFUL, f"no {folder}", remedy)
    free = shutil.disk_usage(folder).free / _GIB
    found = f"{free:.1f} GiB free in {folder}"
    return Finding.judged(what, found, remedy, fine=free >= wanted_gib, usable=free >= 0.5)


def _port(port: int, option: str) -> Finding:
    with socket.socket() as probe:
        is_taken = probe.connect_ex(("127.0.0.1", port)) == 0
    found = "something listens" if is_taken else "free"
    remedy = f"another port: {option}"
    return Finding.judged(f"port {port}", found, remedy, fine=not is_taken, usable=True)


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
