from orchestrator.home import StudyFolder
from orchestrator.pictures.study import study_pictures
from tests.orchestrator.pictures.made_up import factorial_study, made_up_results


def test_a_finished_study_has_a_picture_of_everything(found):
    pictures = {p.name: p for p in study_pictures(found.results, found.folder)}

    expected = {"effects", "costs", "curves", "confusion", "confused_pairs", "classes"}
    assert expected <= pictures.keys() <= expected | {"components", "interactions"}
    assert all(picture.png.startswith(b"\x89PNG") for picture in pictures.values())


def test_every_picture_tells_what_is_seen_and_of_how_many_seeds(found):
    captions = [picture.caption for picture in study_pictures(found.results, found.folder)]

    assert all("n = 3 seeds" in caption for caption in captions)


def test_a_study_that_has_just_begun_has_no_pictures(tmp_path):
    folder = StudyFolder(tmp_path / "tiny")
    results = made_up_results(factorial_study(tmp_path), folder, hits={})

    assert study_pictures(results, folder) == []
