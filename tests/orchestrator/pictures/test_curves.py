import numpy as np

from orchestrator.home import StudyFolder
from orchestrator.pictures.curves import curves_of, curves_pictures, draw_curves
from tests.orchestrator.pictures.made_up import NUM_EPOCHS, factorial_study, made_up_results


def test_a_variant_has_a_curve_a_seed(found):
    row = found.results.row("cvsta=off")

    ((name, curves),) = curves_of(row, "val/top1").items()

    assert (name, curves.shape) == ("cvsta=off", (3, NUM_EPOCHS))
    assert np.allclose(curves[:, -1], row.sample.values)


def test_the_line_is_the_mean_over_seeds_and_the_band_reaches_from_lowest_to_highest():
    curves = np.array([[10.0, 30.0], [20.0, 50.0]])

    axes = draw_curves({"baseline": curves}, None, "val/top1 (%)").axes[0]

    assert axes.lines[0].get_ydata().tolist() == [15.0, 40.0]
    corners = axes.collections[0].get_paths()[0].vertices
    assert {tuple(corner) for corner in corners} >= {(1, 10), (1, 20), (2, 30), (2, 50)}
    assert axes.texts[0].get_text() == "n = 2"


def test_each_panel_has_the_baseline_behind_it():
    curves, baseline = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])

    axes = draw_curves({"rdl=off": curves}, baseline, "val/top1 (%)").axes[0]

    assert axes.lines[0].get_ydata().tolist() == [3.0, 4.0]
    assert axes.lines[0].get_linestyle() == "--"


def test_many_variants_are_small_multiples_on_one_scale():
    panels = {f"variant {n}": np.array([[float(n), n + 1.0]]) for n in range(6)}

    axes = draw_curves(panels, None, "val/top1 (%)").axes

    assert [one.get_title("left") for one in axes if one.get_visible()] == list(panels)
    assert len({one.get_ylim() for one in axes}) == 1


def test_streams_have_curves_of_their_own(tmp_path):
    study = factorial_study(tmp_path, streams=["joint", "bone"], seeds=2)
    results = made_up_results(study, StudyFolder(tmp_path / "tiny"), hits={"baseline": 0.7})

    curves = curves_of(results.row("baseline"), "val/top1")

    assert list(curves) == ["baseline, joint", "baseline, bone"]
    assert [one.shape for one in curves.values()] == [(2, NUM_EPOCHS)] * 2


def test_each_setting_has_its_picture(tmp_path):
    settings = {"narrow": {"model.width": 4}, "wide": {"model.width": 8}}
    study = factorial_study(tmp_path, settings=settings, seeds=1)
    hits = {"narrow: baseline": 0.6, "wide: baseline": 0.7}
    results = made_up_results(study, StudyFolder(tmp_path / "tiny"), hits=hits)

    pictures = curves_pictures(results)

    assert [picture.name for picture in pictures] == ["curves_1", "curves_2"]
    assert pictures[1].title == "Learning curves wide"
