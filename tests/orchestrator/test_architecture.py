"""Who may import whom, read from the sources."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = ("orchestrator", "models", "losses", "data")
SOURCES = sorted(path for name in PACKAGES for path in (CHECKOUT / name).rglob("*.py"))
ENGINE = CHECKOUT / "orchestrator" / "engine"
MLFLOW_DOORS = (
    *("artefacts", "connection", "exclusion", "mending", "reach"),
    *("registry", "study_run", "trial_runs"),
)
COMMANDS = [p for p in SOURCES if p.parent.name == "commands" and p.name != "__init__.py"]


class Import(NamedTuple):
    """An imported module; `when` it runs: with the module, in a function, or for types only."""

    module: str
    when: str

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]


def imports_of(path: Path) -> list[Import]:
    return list(_walk(ast.parse(path.read_text()).body, "module"))


def _walk(nodes: list[ast.AST], when: str) -> Iterator[Import]:
    for node in nodes:
        match node:
            case ast.Import():
                yield from (Import(alias.name, when) for alias in node.names)
            case ast.ImportFrom():
                yield Import("." * node.level + (node.module or ""), when)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                yield from _walk(list(ast.iter_child_nodes(node)), "function")
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from _walk(list(node.body), "types")
                yield from _walk(list(node.orelse), when)
            case _:
                yield from _walk(list(ast.iter_child_nodes(node)), when)


def named(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def of_package(name: str) -> list[Path]:
    return [path for path in SOURCES if path.is_relative_to(CHECKOUT / name)]


def is_vendor(package: str) -> bool:
    return package not in sys.stdlib_module_names and package not in PACKAGES


def importers_of(vendor: str) -> set[str]:
    return {named(p) for p in SOURCES if vendor in {found.package for found in imports_of(p)}}


def ours(path: Path) -> set[str]:
    """What a module of the orchestrator imports from our packages."""
    return {found.module for found in imports_of(path) if found.package in PACKAGES}


def test_there_are_sources_to_read():
    assert all(len(of_package(name)) >= 3 for name in PACKAGES)
    assert Import("torch", "module") in imports_of(ENGINE / "trial.py")
    assert Import("rich.console", "types") in imports_of(CHECKOUT / "orchestrator/commands/run.py")


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_imports_are_absolute_and_name_a_module(path: Path):
    modules = [found.module for found in imports_of(path)]

    assert not [module for module in modules if module.startswith(".")]
    assert "orchestrator" not in modules


@pytest.mark.parametrize("package", ["models", "losses", "data"])
def test_models_losses_and_data_know_neither_each_other_nor_the_orchestrator(package):
    found = {i.package for path in of_package(package) for i in imports_of(path)}

    assert found & set(PACKAGES) == {package}


@pytest.mark.parametrize(
    ("package", "vendors"),
    [
        ("models", {"torch", "numpy"}),
        ("losses", {"torch", "numpy"}),
        ("data", {"torch", "numpy", "scipy", "pyarrow", "numba"}),
    ],
)
def test_models_losses_and_data_need_little_else_than_torch(package, vendors):
    found = {i.package for path in of_package(package) for i in imports_of(path)}

    assert {name for name in found if is_vendor(name)} <= vendors


@pytest.mark.parametrize("path", of_package("orchestrator/engine"), ids=named)
def test_the_engine_knows_nothing_of_the_orchestrator_around_it(path: Path):
    around = [m for m in ours(path) if m.startswith("orchestrator.")]

    assert all(module.startswith("orchestrator.engine.") for module in around)


@pytest.mark.parametrize("path", of_package("orchestrator/engine"), ids=named)
def test_the_engine_needs_torch_numpy_yaml_and_pydantic_only(path: Path):
    vendors = {found.package for found in imports_of(path) if is_vendor(found.package)}

    assert vendors <= {"torch", "numpy", "yaml", "pydantic"}


def test_the_engine_imports_scipy_and_pyarrow_nowhere_before_a_reader_needs_them():
    at_start = [
        named(path)
        for package in ("orchestrator/engine", "models", "losses", "data")
        for path in of_package(package)
        for found in imports_of(path)
        if found.package in {"scipy", "pyarrow"} and found.when != "function"
    ]

    assert at_start == []


@pytest.mark.parametrize(
    ("vendor", "doors"),
    [
        (
            "ray",
            {
                *(f"cluster/{n}" for n in ("deaths", "final", "nodes", "probing")),
                *(f"cluster/{n}" for n in ("schedulers", "survey", "tuning", "worker")),
                "launching/submission",
            },
        ),
        ("optuna", {"search/sampling", "search/optuna_samplers", "pictures/search"}),
        ("cmaes", {"search/cma"}),
        ("mlflow", {f"tracking/{name}" for name in MLFLOW_DOORS}),
        ("safetensors", {"artefact/files", "artefact/members"}),
        ("jinja2", {"launching/manifests", "promotion/card", "reports/page"}),
        ("plotly", {"pictures/search", "pictures/saved", "reports/page"}),
        ("sklearn", {"pictures/embeddings"}),
        ("statsmodels", {"stats/anova"}),
        ("platformdirs", {"home"}),
        ("fsspec", {"storage/place"}),
        ("typer", {"cli", *(f"commands/{path.stem}" for path in COMMANDS)}),
    ],
)
def test_a_vendor_has_one_door(vendor, doors):
    assert importers_of(vendor) == {f"orchestrator/{door}.py" for door in doors}


@pytest.mark.parametrize("path", of_package("orchestrator/artefact"), ids=named)
def test_a_trained_model_needs_no_more_than_the_engine_and_a_file_format(path: Path):
    vendors = {found.package for found in imports_of(path) if is_vendor(found.package)}
    around = {name for name in ours(path) if name.startswith("orchestrator.")}

    assert vendors <= {"torch", "numpy", "pydantic", "safetensors", "scipy", "pandas"}
    assert all(
        name.startswith(("orchestrator.artefact.", "orchestrator.engine.")) for name in around
    )


def test_matplotlib_is_known_to_the_pictures_alone():
    importers = importers_of("matplotlib")

    assert importers
    assert all(name.startswith("orchestrator/pictures/") for name in importers)


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("causes", {"engine"}),
        ("records", {"causes", "engine", "epochs", "storage.journal"}),
        ("epochs", {"engine"}),
        ("failures", {"records"}),
        ("interruption", set()),
        ("cluster.demand", {"causes", "spec"}),
        ("cluster.limits", {"causes", "spec"}),
        ("storage.place", {"engine"}),
        ("storage.journal", {"engine", "storage.errors", "storage.place"}),
        ("storage.lease", {"engine", "storage.errors", "storage.place"}),
        ("storage.worker", {"engine", "storage"}),
        ("objective", {"engine", "records"}),
        ("spec", {"ablation.spec", "engine", "objective", "search.spec"}),
        ("ablation.spec", {"engine", "search.space"}),
        ("ablation.designs", {"ablation.spec", "ablation.fraction"}),
        ("ablation.fraction", set()),
        ("ablation.cells", {"ablation.designs", "ablation.spec", "engine", "records", "spec"}),
        ("ablation.scores", {"ablation.spec", "engine", "fusing", "records", "spec"}),
        ("fusing.fusion", {"engine"}),
        ("search.space", {"engine"}),
        ("search.constraints", {"engine"}),
        ("search.sampler_spec", {"engine"}),
        ("search.scheduler_spec", {"engine"}),
        ("search.cma", {"search.sampler_spec"}),
        ("search.optuna_samplers", {"search.sampler_spec"}),
        ("search.stop_rules", {"objective", "records", "search.spec"}),
        ("cluster.stopping", {"search.scheduler_spec"}),
        ("promotion.gate", {"promotion.split_scores", "stats.effects"}),
        ("promotion.split_scores", {"engine", "fusing.fusion", "stats.samples"}),
        ("promotion.looks", {"home", "storage"}),
        ("promotion.measuring", {"artefact", "engine"}),
        ("tracking.exclusion", {"engine", "storage.lease"}),
        ("tracking.registry", {"engine", "tracking.artefacts", "tracking.exclusion"}),
        ("tracking.trial_runs", {"engine", "records", "tracking.saved_views"}),
        ("view", {"records", "reports.table", "spec"}),
    ],
)
def test_a_lower_module_knows_these_of_ours_alone(module, allowed):
    """A package stands for all of its modules."""
    imported = ours(CHECKOUT / "orchestrator" / f"{module.replace('.', '/')}.py")

    known = {f"orchestrator.{name}" for name in allowed}
    strange = {name for name in imported - known if name.rpartition(".")[0] not in known}
    assert {
        name for name in strange if not name.startswith(("data.", "models.", "losses."))
    } == set()


@pytest.mark.parametrize(
    "module", ["table", "picture", "markdown", "latex", "check", "wording", "links"]
)
def test_what_reports_are_written_with_knows_nothing_of_how_studies_are_run(module):
    imported = ours(CHECKOUT / "orchestrator" / "reports" / f"{module}.py")

    known = {"home", "ablation.designs", "ablation.spec", "reports.table"}
    stats = {"stats.samples", "stats.verdicts"}
    assert imported <= {f"orchestrator.{name}" for name in known | stats}


@pytest.mark.parametrize("path", of_package("orchestrator/stats"), ids=named)
def test_the_statistics_know_nothing_of_the_project_around_them(path: Path):
    assert all(module.startswith("orchestrator.stats.") for module in ours(path))


def test_no_module_of_the_orchestrator_imports_the_command_line():
    commands = {"orchestrator.cli", *(f"orchestrator.commands.{path.stem}" for path in COMMANDS)}
    commands -= {"orchestrator.commands.options"}  # which commands share
    importers = {named(path) for path in SOURCES if commands & ours(path)}

    around = {"orchestrator/__main__.py", "orchestrator/cli.py", *map(named, COMMANDS)}
    assert importers <= around


@pytest.mark.parametrize("path", of_package("orchestrator/cluster"), ids=named)
def test_the_cluster_does_not_know_what_a_study_records_where(path: Path):
    above = (
        "study",
        "session",
        "tracking",
        "recorder",
        "reports",
        "view",
        "home",
        "search.sampling",
    )

    assert not [
        name for name in ours(path) if name.startswith(tuple(f"orchestrator.{a}" for a in above))
    ]


@pytest.mark.parametrize("path", [CHECKOUT / "orchestrator/cli.py", *COMMANDS], ids=named)
def test_the_command_line_starts_without_vendors_and_without_the_orchestrator(path: Path):
    at_start = {found.module for found in imports_of(path) if found.when == "module"}

    others = {name for name in at_start if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {name for name in others if not name.startswith("orchestrator.commands.")} == {"typer"}


def test_the_orchestrator_package_imports_nothing():
    assert (CHECKOUT / "orchestrator/__init__.py").read_text() == ""


def test_no_two_modules_of_ours_import_each_other_in_a_circle():
    graph = {
        named(path).removesuffix(".py").replace("/", "."): {
            i.module for i in imports_of(path) if i.package in PACKAGES and i.when == "module"
        }
        for path in SOURCES
        if path.name != "__init__.py"
    }

    while leaves := {name for name, needs in graph.items() if not needs & graph.keys()}:
        graph = {name: needs for name, needs in graph.items() if name not in leaves}

    assert graph == {}
