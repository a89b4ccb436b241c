"""The committed search studies load, plan and propose: nothing is trained."""

from pathlib import Path

import pytest

from data import DATASETS
from data.dataset import DatasetInfo
from orchestrator.engine.config import flattened
from orchestrator.home import Home
from orchestrator.planning.checks import check_models
from orchestrator.planning.trials import Planner
from orchestrator.records import StudyLog
from orchestrator.search.checks import check_search
from orchestrator.sources import SearchSource, open_search
from orchestrator.spec import Study, load_study

STUDIES = Path(__file__).resolve().parents[3] / "search_spaces" / "studies"
SEARCHES = sorted(STUDIES.glob("search_*_nw_ucla.yaml"))


class UnpreparedStore:
    """As much of a prepared data set as planning looks at."""

    name = "nw_ucla"
    digest = "0" * 12

    def __init__(self, info: DatasetInfo) -> None:
        self.info = info

    def split(self, protocol: str, *names: str) -> None:
        assert protocol in self.info.protocols


def planner_of(study: Study) -> Planner:
    store = UnpreparedStore(DATASETS["nw_ucla"].info)
    return Planner(study, Path("none"), {"nw_ucla": store})


@pytest.mark.parametrize("path", SEARCHES, ids=lambda path: path.stem)
def test_a_committed_search_is_accepted_and_proposes_five_points(path: Path, tmp_path: Path):
    study = load_study(path)
    planner, log = planner_of(study), StudyLog(tmp_path / "events.jsonl").open()
    fixed = flattened(study.baseline.plain())
    check_search(study)

    source = SearchSource(
        study.spec.search, planner, log, open_search(planner, log, Home(tmp_path))
    )
    plans = [source.next() for _ in range(min(5, source.total))]

    assert len({plan.id for plan in plans}) == min(5, source.total)
    assert all(study.spec.search.allows(plan.params, fixed) for plan in plans)


def test_every_model_of_the_conditional_space_can_be_built():
    study = load_study(STUDIES / "search_models_and_losses_nw_ucla.yaml")
    names = study.spec.search.space["model.name"].choice

    configs = {name: study.config({"model.name": name}, name) for name in names}

    assert check_models(study, planner_of(study), configs).keys() == set(names)


def test_there_are_committed_searches():
    assert len(SEARCHES) >= 6
