import json

import pytest

from orchestrator.tracking.saved_views import SavedView, links_to, saved_views

ABLATION = {"ablation": {"components": {"cvsta": {"off": {"model.cvsta": False}}}}}
SEARCH = {"search": {"trials": 2, "space": {"optimizer.lr": {"float": [0.01, 0.3]}}}}


def state_of(view: SavedView) -> dict:
    return json.loads(json.loads(view.tag[1])["state"])


def test_a_view_is_a_tag_in_the_form_that_the_ui_reads():
    key, value = SavedView("skeltune-x", "Mine", "TABLE", {"groupBy": None}).tag

    assert key == "mlflow.sharedViewState.skeltune-x"
    assert {name: type(v) for name, v in json.loads(value).items()} == {
        "name": str,
        "createdAt": int,
        "updatedAt": int,
        "state": str,
    }


def test_an_ablation_is_grouped_by_variant_with_what_varies_in_columns(study_of):
    means = saved_views(study_of(**ABLATION), ("model.cvsta",))[0]

    state = state_of(means)
    assert state["groupBy"]["groupByKeys"] == [{"mode": "tag", "groupByData": "variant"}]
    assert "params.`_varied/model.cvsta`" in state["selectedColumns"]
    assert "metrics.`best/val/top1`" in state["selectedColumns"]


def test_a_search_has_its_best_trials_first(study_of):
    best = saved_views(study_of(**SEARCH), ("optimizer.lr",))[0]

    state = state_of(best)
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`best/val/top1`", False)
    assert "groupBy" not in state


@pytest.mark.parametrize("content", [ABLATION, SEARCH])
def test_links_lead_to_every_view(study_of, content):
    views = saved_views(study_of(**content), ())

    links = list(links_to(views, "7"))

    for view, link in zip(views, links, strict=True):
        assert link.startswith(f"[{view.name}](#/experiments/7/runs?viewStateShareKey={view.id}")
