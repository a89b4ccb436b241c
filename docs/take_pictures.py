"""Pictures of a study in the MLflow UI: its run list, its comparison and its learning curves.

Needs Chromium and its driver from the distribution, and selenium beside skeltune:

    apt-get install chromium chromium-driver
    pip install selenium
    python docs/take_pictures.py --study demo --out docs/pictures

The UI keeps columns, grouping and charts in the browser's local storage, so they are written there
before a page is opened; nothing is written to the study's own store.
"""

from __future__ import annotations

import argparse
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
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync"
)
WIDTH, HEIGHT = 1600, 1000
PATIENCE = 180
COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f")
BEST = ("best/val/top1", "best/test/top1")
# The UI opens its assistant by itself on the first visit.
CALM = {
    "mlflow.assistant.panelOpen_v1": False,
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
}
# Without a mouse, plotly's tool bars never fade; the assistant's button covers a corner.
HIDDEN = ".modebar-container, [data-assistant-ui] {display: none !important}"


@dataclass(frozen=True)
class Shown:
    """A study's runs as the server lists them, and what of them goes into the pictures."""

    experiment: str
    study_runs: list[str]
    names: dict[str, str]
    tags: dict[str, dict[str, str]]
    params: dict[str, dict[str, str]]
    metrics: set[str]

    @property
    def compared(self) -> list[str]:
        """Every variant's first seed, then every variant's second, ...: tables cut the rest off."""
        runs = sorted(run for run, tags in self.tags.items() if tags.get("role") != "final")
        return sorted(runs, key=lambda run: (int(self.tags[run].get("seed", 0)), self.names[run]))

    @property
    def variants(self) -> list[str]:
        return sorted({tags["variant"] for tags in self.tags.values() if "variant" in tags})

    @property
    def best(self) -> list[str]:
        return [key for key in BEST if key in self.metrics]

    @property
    def axes(self) -> list[str]:
        """What varies; in an older study, by the name under which most runs have a value."""
        params = [self.params[run] for run in self.compared]
        keys = sorted(set().union(*params))
        axes = [key for key in keys if key.startswith("_varied/")]
        for key in (k.removeprefix("searched/") for k in keys if k.startswith("searched/")):
            names = (f"searched/{key}", key, f"{key}.name")
            axes.append(max(names, key=lambda name: sum(name in p for p in params)))
        return [name for name in axes if len({p.get(name) for p in params}) > 1][:4]


class Browser:
    """Chromium on one UI."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver = driver
        self._url = url

    def open(self, page: str, query: dict[str, str], stored: dict[str, Any]) -> None:
        self.resize(HEIGHT)
        self.driver.get(f"{self._url}/health")
        items = {key: json.dumps(value) for key, value in (CALM | stored).items()}
        store = "Object.entries(arguments[0]).forEach(item => localStorage.setItem(...item))"
        self.driver.execute_script(f"localStorage.clear(); {store}", items)
        self.driver.get("about:blank")
        query = query | {"workflowType": "machine_learning"}  # after `runs`, which has to be first
        self.driver.get(f"{self._url}/#{page}?{urlencode(query, quote_via=quote)}")

    def open_runs(self, shown: Shown, query: dict[str, str], state: dict[str, Any]) -> None:
        key = f'MLflowLocalStorage-1.1-ExperimentPage-["{shown.experiment}"]-ReactComponentState'
        # Colors made from the groups' names can be the same.
        groups = [f"tag.variant.{name}" for name in shown.variants]
        colors = dict(zip(groups, COLORS * len(groups), strict=False))
        stored = {key: {"runsHiddenMode": "SHOWALL", **state}, "experimentRunColors": colors}
        self.open(f"/experiments/{shown.experiment}/runs", query, stored)

    def find(self, selector: str, count: int = 1) -> list[Any]:
        by = By.XPATH if selector.startswith(("/", "(")) else By.CSS_SELECTOR
        wait = WebDriverWait(self.driver, PATIENCE)
        wait.until(lambda driver: len(driver.find_elements(by, selector)) >= count, selector)
        return list(self.driver.find_elements(by, selector))

    def click(self, xpath: str) -> None:
        """Without a pointer that stays behind and lights things up."""
        self.driver.execute_script("arguments[0].click()", self.find(xpath)[0])

    def choose(self, label: str, options: list[str]) -> None:
        """Pick options in the box under a label."""
        box = self.find(f"//div[text()='{label}']/following-sibling::div[1]//input")[0]
        for option in options:
            box.send_keys(option)
            self.find(f"//div[@title='{option}']")
            box.send_keys(Keys.ENTER)
        box.send_keys(Keys.ESCAPE)
        self.driver.execute_script("arguments[0].blur()", box)

    def resize(self, height: int) -> None:
        size = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def save(self, path: Path) -> None:
        """Take the picture as soon as two in a row are the same."""
        style = "Object.assign(document.createElement('style'), {textContent: arguments[0]})"
        self.driver.execute_script(f"document.head.append({style})", HIDDEN)
        deadline, last, picture = time.monotonic() + PATIENCE, b"", b"?"
        while picture != last and time.monotonic() < deadline:
            time.sleep(2)
            last, picture = picture, self.driver.get_screenshot_as_png()
        path.write_bytes(picture)
        print(f"{path}: {len(picture) // 1024} kB")


def take_runs(browser: Browser, shown: Shown, path: Path) -> None:
    """The trials under their study run."""
    fixed = {"attributes.`Run Name`": 290, "runDateAndNestInfo": 145, "duration": 80}
    tags = {"tags.`variant`": 150, "tags.`seed`": 60}
    metrics = {f"metrics.`{key}`": 125 for key in shown.best}
    params = {f"params.`{key}`": 40 + 8 * len(key) for key in shown.axes}
    chosen = tags | metrics | params
    state = {
        "selectedColumns": list(chosen),
        "columnOrder": list(fixed | chosen),
        "columnWidths": fixed | chosen,
        "runsExpanded": dict.fromkeys(shown.study_runs, True),
    }
    browser.open_runs(shown, {}, state)
    browser.find(f"//a[normalize-space()='{shown.names[shown.compared[0]]}']")
    browser.save(path)


def take_comparison(browser: Browser, shown: Shown, path: Path) -> None:
    """Searched parameters against the best score, over the table of what differs."""
    ids = json.dumps(shown.compared[:100], separators=(",", ":"))
    browser.open("/compare-runs", {"runs": ids, "experiments": f'["{shown.experiment}"]'}, {})
    browser.click("//button[normalize-space()='Clear All']")
    browser.choose("Parameters:", shown.axes)
    browser.choose("Metrics:", shown.best[:1])
    browser.find(".js-plotly-plot .parcoords")
    browser.click("(//button[@role='switch'])[1]")  # "Show diff only" of the parameters
    parameters = browser.find("table.mlflow-compare-table", 2)[1].rect
    browser.resize(int(parameters["y"] + parameters["height"]) + 24)
    browser.save(path)


def take_curves(browser: Browser, shown: Shown, path: Path) -> None:
    """The mean learning curve of every variant; in a search, the curve of every trial."""
    variant = {"mode": "tag", "groupByData": "variant"}
    role = shown.tags[shown.compared[0]]["role"]
    section = {"uuid": "curves", "name": "Learning curves", "display": True, "isReordered": True}
    held_out = "val/" if "val/top1" in shown.metrics else "test/"
    curves = [f"{split}{key}" for key in ("top1", "loss") for split in (held_out, "train/")]
    by_variant = {"aggregateFunction": "average", "groupByKeys": [variant]}
    state = {
        "groupBy": by_variant if role == "cell" else None,
        "useGroupedValuesInCharts": True,
        "isAccordionReordered": True,
        "compareRunSections": [{**section, "columns": 2, "cardHeight": 290}],
        "compareRunCharts": [_line_chart(metric) for metric in curves],
    }
    query = {"compareRunsMode": "CHART", "searchFilter": f"tags.role = '{role}'"}
    # Sorted by date, the UI would add the study run, which has no curves.
    query |= {"orderByKey": "tags.`variant`", "orderByAsc": "true"}
    browser.open_runs(shown, query, state)
    browser.find(".js-plotly-plot .scatterlayer .trace", len(curves))
    browser.save(path)


def _line_chart(metric: str) -> dict[str, Any]:
    names = {"uuid": metric, "metricKey": metric, "selectedMetricKeys": [metric]}
    axes = {"xAxisKey": "step", "yAxisKey": "metric", "xAxisScaleType": "linear", "range": {}}
    rest = {"scaleType": "linear", "lineSmoothness": 0, "runsCountToCompare": 10}
    return {"type": "LINE", "metricSectionId": "curves", "deleted": False, **names, **axes, **rest}


def read_study(url: str, study: str) -> Shown:
    """Ask the server for the study's runs."""
    api = f"{url}/api/2.0/mlflow"
    found = _json(f"{api}/experiments/get-by-name?{urlencode({'experiment_name': study})}")
    experiment = found["experiment"]["experiment_id"]
    body = {"experiment_ids": [experiment], "max_results": 1000}
    runs = {r["info"]["run_id"]: r for r in _json(f"{api}/runs/search", body).get("runs", [])}
    tags, params = ({i: _pairs(r, kind) for i, r in runs.items()} for kind in ("tags", "params"))
    trials = [i for i in runs if "mlflow.parentRunId" in tags[i]]
    if not trials:
        raise SystemExit(f"study {study} has no trials in MLflow")
    return Shown(
        experiment=experiment,
        study_runs=[i for i in runs if i not in trials],
        names={i: runs[i]["info"]["run_name"] for i in trials},
        tags={i: tags[i] for i in trials},
        params={i: params[i] for i in trials},
        metrics={key for i in trials for key in _pairs(runs[i], "metrics")},
    )


def _pairs(run: dict[str, Any], kind: str) -> dict[str, Any]:
    return {item["key"]: item.get("value") for item in run["data"].get(kind, [])}


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
def chromium() -> Iterator[Chrome]:
    """Headless Chromium with a profile of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = _program("chromium")
        for flag in (*FLAGS.split(), f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = Chrome(options=options, service=ChromeService(_program("chromedriver")))
        try:
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
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--port", type=int, help="port of the UI (default: a free one)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with served(options.port or _free_port()) as url, chromium() as driver:
        shown, browser = read_study(url, options.study), Browser(driver, url)
        take_runs(browser, shown, options.out / "mlflow_runs.png")
        take_comparison(browser, shown, options.out / "mlflow_compare.png")
        take_curves(browser, shown, options.out / "mlflow_curves.png")


if __name__ == "__main__":
    main()
