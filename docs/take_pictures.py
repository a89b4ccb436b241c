"""Pictures of a study in the MLflow UI: its saved views, its run and its report.

Needs Chromium and its driver from the distribution, and selenium beside skeltune:

    apt-get install chromium chromium-driver
    pip install selenium
    python docs/take_pictures.py --study demo --out docs/images

Nothing is written to the study's own store: what is shown are the views that it came with.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from PIL import Image
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync"
)
WIDTH, HEIGHT = 1500, 900
COLOURS = 96
PATIENCE = 180
# The UI opens its assistant by itself on the first visit.
CALM = {
    "mlflow.assistant.panelOpen_v1": "false",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
}
# Without a mouse, plotly's tool bars never fade; the assistant's button covers a corner.
HIDDEN = ".modebar-container, [data-assistant-ui] {display: none !important}"
MODE = "workflowType=machine_learning"


@dataclass(frozen=True)
class Shot:
    """A page of the UI, and what has to be there before it is taken."""

    name: str
    page: str
    awaited: str


def shots(experiment: str, run: str) -> list[Shot]:
    runs, one = f"/experiments/{experiment}/runs", f"/experiments/{experiment}/runs/{run}"
    view = "viewStateShareKey=skeltune"
    curve = ".js-plotly-plot .scatterlayer .trace"
    return [
        Shot("mlflow_means", f"{runs}?{view}-means&compareRunsMode=TABLE&{MODE}", "[role=row]"),
        Shot("mlflow_curves", f"{runs}?{view}-curves&compareRunsMode=CHART&{MODE}", curve),
        Shot("mlflow_study", f"{one}?{MODE}", "table"),
        Shot("mlflow_report", f"{one}/artifacts/report.html?{MODE}", "iframe"),
    ]


def take(driver: Chrome, url: str, shot: Shot, out: Path) -> None:
    """As soon as two pictures in a row are the same."""
    driver.get("about:blank")
    driver.get(f"{url}/#{shot.page}")
    wait = WebDriverWait(driver, PATIENCE)
    wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, shot.awaited), shot.awaited)
    style = "Object.assign(document.createElement('style'), {textContent: arguments[0]})"
    driver.execute_script(f"document.head.append({style})", HIDDEN)
    deadline, last, picture = time.monotonic() + PATIENCE, b"", b"?"
    while picture != last and time.monotonic() < deadline:
        time.sleep(3)
        last, picture = picture, driver.get_screenshot_as_png()
    path = out / f"{shot.name}.png"
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size // 1024} kB")


def study_run(url: str, study: str) -> tuple[str, str]:
    """The experiment and the run of a study."""
    api = f"{url}/api/2.0/mlflow"
    found = _json(f"{api}/experiments/get-by-name?{urlencode({'experiment_name': study})}")
    experiment = str(found["experiment"]["experiment_id"])
    body = {"experiment_ids": [experiment], "filter": "tags.role = 'study'"}
    (run,) = _json(f"{api}/runs/search", body)["runs"]
    return experiment, str(run["info"]["run_id"])


def _json(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"})
    with urlopen(request, timeout=PATIENCE) as answer:
        return dict(json.load(answer))


@contextmanager
def served(port: int) -> Iterator[str]:
    """`skeltune ui` for as long as the pictures take; yields its address."""
    command = [_program("skeltune"), "ui", "--port", str(port)]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"`skeltune ui --port {port}` does not answer")
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=PATIENCE)


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def chromium(url: str) -> Iterator[Chrome]:
    """Headless Chromium with a profile of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = _program("chromium")
        for flag in (*FLAGS.split(), f"--window-size={WIDTH},{HEIGHT}"):
            options.add_argument(flag)
        options.add_argument(f"--user-data-dir={profile}")
        driver = Chrome(options=options, service=ChromeService(_program("chromedriver")))
        try:
            driver.get(f"{url}/health")
            store = "Object.entries(arguments[0]).forEach(item => localStorage.setItem(...item))"
            driver.execute_script(store, CALM)
            yield driver
        finally:
            driver.quit()


def _program(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed: see the top of {Path(__file__).name}")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--study", required=True, help="name of the study")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--port", type=int, help="port of the UI (default: a free one)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with served(options.port or _free_port()) as url, chromium(url) as driver:
        for shot in shots(*study_run(url, options.study)):
            take(driver, url, shot, options.out)


if __name__ == "__main__":
    main()
