"""What a study uses elsewhere: a Ray cluster, a storage, MLflow, prepared data."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

from data import DATASETS
from data.store import StoreDamagedError, StoreMissingError, open_store
from orchestrator.checkup.findings import Finding, Verdict, clock_finding
from orchestrator.cluster.nodes import ClusterError, has_room
from orchestrator.cluster.survey import SurveyedNode, stale_address, survey
from orchestrator.engine.errors import SkelTuneError
from orchestrator.home import Home
from orchestrator.records import StudyLog
from orchestrator.spec import Resources, Study
from orchestrator.tracking.reach import try_to_write


def ray_findings(address: str | None, needed: Resources | None) -> list[Finding]:
    """Of a cluster, if one is named; and of what a dead one left behind here."""
    left = [] if (stale := stale_address()) is None else [_stale(stale)]
    if address is None:
        return left
    try:
        nodes = survey(address)
    except ClusterError as error:
        remedy = "is its head up, RAY_AUTH_MODE=token set, RAY_AUTH_TOKEN_PATH its token's file?"
        return [*left, Finding("Ray", Verdict.BROKEN, str(error), remedy)]
    return [*left, *(f for node in nodes for f in _node(node)), *_room(nodes, needed)]


def _stale(address: str) -> Finding:
    remedy = "delete ray_current_cluster in Ray's folder (/tmp/ray), or start that cluster"
    found = f"a cluster at {address} is noted that does not answer"
    return Finding("Ray's notes", Verdict.DOUBTFUL, found, remedy)


def _node(node: SurveyedNode) -> list[Finding]:
    what, ours = f"node {node.host}", platform.python_version()
    found = f"{node.cpus:g} CPU, {node.gpus:g} GPU, Python {node.python}, torch {node.torch}"
    same = Finding.judged(
        what, found, f"the same Python, {ours}, everywhere", fine=node.python == ours
    )
    return [same, clock_finding(f"clock of {node.host}", node.clock_ahead)]


def _room(nodes: list[SurveyedNode], needed: Resources | None) -> list[Finding]:
    if needed is None:
        return []
    offers = [{"CPU": node.cpus, "GPU": node.gpus} for node in nodes]
    found = f"a trial asks for {needed.cpu:g} CPU and {needed.gpu:g} GPU"
    remedy = "no node has that: change resources in the study file, or add a node"
    return [Finding.judged("room for a trial", found, remedy, fine=has_room(offers, needed))]


def storage_findings(home: Home) -> list[Finding]:
    """Writes a file where studies are kept, reads it and removes it."""
    remedy = "see that it is mounted, that its credentials are set, and who may write there"
    try:
        home.require_writable()
    except SkelTuneError as error:
        return [Finding("storage", Verdict.BROKEN, str(error), remedy)]
    fine = Finding("storage", Verdict.FINE, f"{home.shown} can be written")
    return [fine] if home.place is not None else [fine, _clock_of(home.studies)]


def _clock_of(folder: Path) -> Finding:
    """A file server stamps new files by its own clock."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        return clock_finding("clock of the storage", os.stat(file.name).st_mtime - time.time())


def tracking_findings(uri: str) -> list[Finding]:
    """Writes to MLflow and takes it back."""
    shown = _without_secret(uri)
    try:
        try_to_write(uri)
    except Exception as error:  # whatever the client, the server or the database raises
        told = f"{shown}: {type(error).__name__} {str(error).replace(uri, shown)}"
        remedy = "is it up, and are MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD set?"
        return [Finding("MLflow", Verdict.BROKEN, told.splitlines()[0][:200], remedy)]
    fine = Finding("MLflow", Verdict.FINE, f"{shown} can be written")
    ahead = _server_clock(uri) if uri.startswith("http") else None
    return [fine] if ahead is None else [fine, clock_finding("clock of MLflow", ahead)]


def _server_clock(uri: str) -> float | None:
    """Seconds by which the clock in the `Date` of an answer is ahead; None without one."""
    try:
        answer = urlopen(f"{uri.rstrip('/')}/health", timeout=10)
    except HTTPError as refused:
        answer = refused
    with answer:
        said = answer.headers["Date"]
    return said and parsedate_to_datetime(said).astimezone(UTC).timestamp() + 0.5 - time.time()


def _without_secret(uri: str) -> str:
    parts = urlsplit(uri)
    return uri if parts.password is None else uri.replace(f":{parts.password}@", "@")


def data_findings(study: Study, log: StudyLog, root: Path) -> list[Finding]:
    """Whether the study's data set is prepared, and is what the study has used so far."""
    name = study.baseline.data.name
    what, remedy = f"data {name}", f"skeltune data prepare {name} --raw DIR"
    if name in DATASETS and not DATASETS[name].needs_raw:
        return [Finding(what, Verdict.FINE, "is generated when it is needed")]
    try:
        digest = open_store(name, root).digest
    except (StoreMissingError, StoreDamagedError) as error:
        return [Finding(what, Verdict.BROKEN, str(error).splitlines()[0], remedy)]
    used = log.data.get(name, digest)
    found = f"digest {digest[:12]}" + ("" if used == digest else f", the study used {used[:12]}")
    remedy = "bring back that preparation, or let the study begin anew under another name"
    return [Finding.judged(what, found, remedy, fine=used == digest)]
