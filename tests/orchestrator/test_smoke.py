from pathlib import Path

import pytest

from data import DATASETS
from data.preparation import prepare
from orchestrator.ablation.cells import study_variants
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.trial import run_trial
from orchestrator.home import Home
from orchestrator.planning.trials import Planner, first_cells
from orchestrator.records import StudyLog, TrialPlan
from orchestrator.search.population import population_of
from orchestrator.smoke import in_small, throw_away
from orchestrator.spec import Study, load_study
from tests.data.nw_ucla_files import write_nw_ucla_folder
from tests.orchestrator.test_studies import ABLATIONS, LOADED, named

ON_NW_UCLA = [path for path in ABLATIONS if LOADED[path].baseline.data.name == "nw_ucla"]
WIDTHS = {f"w{width}": {"model.width": width} for width in (8, 12, 16)}


@pytest.fixture(scope="session")
def nw_ucla_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("nw_ucla")
    prepare(DATASETS["nw_ucla"], write_nw_ucla_folder(root / "raw"), root)
    return root


def test_a_study_in_small_has_the_baseline_and_two_variants_for_one_epoch(study_of):
    small = in_small(study_of(ablation={"variants": WIDTHS, "seeds": [5, 6]}))

    assert small.spec.study == "tiny-smoke"
    assert [variant.name for variant in study_variants(small)] == ["baseline", "w8", "w12"]
    assert small.spec.ablation.seeds == [5]
    assert (small.baseline.epochs, small.baseline.max_clips) == (1, 8)


def test_no_variant_makes_a_study_in_small_larger(study_of):
    longer = {"longer": {"epochs": 9, "batch_size": 512, "model.width": 8}}
    small = in_small(study_of(ablation={"variants": longer}))

    config = small.config(study_variants(small)[1].changes, "longer")

    assert (config.epochs, config.batch_size, config.model.args["width"]) == (1, 4, 8)


def test_of_several_settings_the_first_is_tried_and_of_a_design_its_first_cells(study_of):
    no_cvsta, no_loss = {"model.cvsta": False}, {"loss.embedding": None}
    ablation = {
        "components": {"cvsta": {"off": no_cvsta}, "rdl": {"off": no_loss}},
        "design": "factorial",
        "settings": {"clean": {}, "noisy": {"data.noise": 0.1}},
    }

    small = in_small(study_of(ablation=ablation))

    names = [variant.name for variant in study_variants(small)]
    assert names == ["clean: baseline", "clean: rdl=off", "clean: cvsta=off"]


def test_the_streams_of_a_study_are_all_tried(study_of):
    variants = {"one": {"streams": ["bone"]}}
    small = in_small(study_of(ablation={"variants": variants, "streams": ["joint", "bone"]}))

    streams = [list(variant.streams) for variant in study_variants(small)]

    assert streams == [["joint", "bone"], ["bone"]]


def test_a_search_in_small_is_two_points(study_of):
    space = {"optimizer.lr": {"float": [0.01, 0.3]}}

    small = in_small(study_of(search={"trials": 40, "space": space}))

    assert small.spec.search.trials == 2


def test_of_a_population_in_small_each_point_is_a_training_of_its_own(study_of):
    space = {"optimizer.lr": {"float": [0.01, 0.3]}}

    small = in_small(study_of(search={"trials": 10, "space": space, "scheduler": {"name": "pbt"}}))

    assert population_of(small) is None


def test_a_home_to_throw_away_has_the_data_and_leaves_nothing(tmp_path: Path):
    home = Home(tmp_path)

    with throw_away(home) as temporary:
        (temporary.data / "store").mkdir()
        temporary.studies.mkdir()

    assert list(tmp_path.iterdir()) == [home.data]
    assert (home.data / "store").is_dir()


@pytest.mark.slow
@pytest.mark.parametrize("path", ON_NW_UCLA, ids=named)
def test_the_first_cells_of_a_committed_study_train(path: Path, nw_ucla_root: Path, tmp_path: Path):
    plans = plans_of(in_small(load_study(path)), nw_ucla_root, tmp_path)

    results = [train(plan, tmp_path, nw_ucla_root) for plan in plans]

    assert len(results) >= 2
    assert all(result["last"]["epoch"] == 0 for result in results)


def plans_of(study: Study, data_root: Path, folder: Path) -> list[TrialPlan]:
    log = StudyLog(folder / "events.jsonl")
    cells = first_cells(study, Planner(study, data_root), log)
    return list({plan.id: plan for cell in cells for plan in cell.plans}.values())


def train(plan: TrialPlan, folder: Path, data_root: Path) -> dict:
    config = TrialConfig.model_validate(plan.config)
    return run_trial(config, folder / plan.id, data_root=data_root, device="cpu")
