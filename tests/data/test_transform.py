from dataclasses import replace

import pytest

from data.transform import ClipTransform
from tests.data.stores import CHAIN


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("stream", "bones"),
        ("sampling", "every"),
        ("normalize", "zscore"),
        ("clip_len", 0),
        ("crop_min_frames", 0),
        ("crop", (0.0, 1.0)),
        ("crop", (0.9, 0.5)),
        ("crop", (0.5, 1.1)),
        ("crop", (0.5, float("nan"))),
        ("eval_crop", 0.0),
        ("eval_crop", 1.5),
        ("rotation_deg", (10.0, 10.0)),
        ("rotation_deg", (-1.0, 0.0, 0.0)),
        ("rotation_deg", (0.0, float("nan"), 0.0)),
        ("scale", (0.0, 1.0)),
        ("scale", (2.0, 1.0)),
        ("scale", (1.0, float("inf"))),
        ("noise", -0.1),
        ("noise", float("nan")),
        ("noise_granularity", "bone"),
        ("noise_split", "val"),
        ("noise_seed", -1),
        ("bone_hops", 0),
        ("shear", -0.1),
        ("shear", float("inf")),
        ("mirror", 1.5),
        ("temporal_flip", -1.0),
        ("joint_drop", float("nan")),
    ],
)
def test_an_option_out_of_range_is_refused_with_its_value(option: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{option}.*must be.*got"):
        ClipTransform(**{option: value})


@pytest.mark.parametrize(
    ("changes", "options", "rule"),
    [
        ({"num_channels": 2}, {"rotation_deg": (5.0, 0.0, 0.0)}, "must be 0 for 2 coordinates"),
        ({"has_score": True}, {"rotation_deg": (0.0, 5.0, 0.0)}, "must be 0 for 2 coordinates"),
        ({}, {"mirror": 0.5}, "names no left and right joints: mirror must be 0, got 0.5"),
    ],
)
def test_what_the_data_set_does_not_allow_is_refused(
    changes: dict[str, object], options: dict[str, object], rule: str
) -> None:
    with pytest.raises(ValueError, match=rule):
        ClipTransform(**options).check_against(replace(CHAIN, **changes))


def test_data_of_two_coordinates_may_turn_about_z_and_scale() -> None:
    info = replace(CHAIN, num_channels=3, has_score=True)

    ClipTransform(rotation_deg=(0.0, 0.0, 30.0), scale=(0.5, 1.5)).check_against(info)
