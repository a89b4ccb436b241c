import pytest

from orchestrator.home import StudyFolder
from orchestrator.pictures.study import study_pictures
from tests.orchestrator.pictures.made_up import factorial_study, made_up_results


@pytest.fixture(scope="module")
def pictures(found):
    return study_pictures(found.results, found.folder)


def test_a_finished_study_has_a_picture_of_everything(pictures):
    names = {picture.name for picture in pictures}

    expected = {"effects", "costs", "curves", "confusion", "confused_pairs", "classes"}
    assert expected <= names <= expected | {"components", "interactions"}
    assert all(picture.png.startswith(b"\x89PNG") for picture in pictures)


def test_every_picture_tells_of_how_many_seeds_it_is(pictures):
    assert all("n = 3 seeds" in picture.caption for picture in pictures)


def test_a_study_that_has_just_begun_has_no_pictures(tmp_path):
    folder = StudyFolder(tmp_path / "tiny")
    results = made_up_results(factorial_study(tmp_path), folder, hits={})

    assert study_pictures(results, folder) == []
