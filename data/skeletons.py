"""The skeletons of sensors and pose estimators that several data sets share.

Edges are (child, parent), 0-based, towards `centre`; mirrored are (left, right) joints.
"""

from __future__ import annotations

from typing import NamedTuple


class Skeleton(NamedTuple):
    """The fields of `DatasetInfo` that follow from the joints."""

    num_joints: int
    edges: tuple[tuple[int, int], ...]
    centre: int
    origin_joint: int
    mirrored: tuple[tuple[int, int], ...]


# fmt: off
NTU_25 = Skeleton(
    # Kinect v2: spine base and middle, neck, head, left arm to the hand, right arm, left leg to the
    # foot, right leg, spine at the shoulders, left hand's tip and thumb, right hand's tip and thumb
    num_joints=25,
    edges=(
        (0, 1), (1, 20), (2, 20), (3, 2),
        (4, 20), (5, 4), (6, 5), (7, 6), (8, 20), (9, 8), (10, 9), (11, 10),
        (12, 0), (13, 12), (14, 13), (15, 14), (16, 0), (17, 16), (18, 17), (19, 18),
        (21, 22), (22, 7), (23, 24), (24, 11),
    ),
    centre=20,
    origin_joint=1,
    mirrored=(
        (4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19), (21, 23),
        (22, 24),
    ),
)

COCO_17 = Skeleton(
    # nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles: left is odd, right even
    num_joints=17,
    edges=(
        (1, 0), (3, 1), (2, 0), (4, 2),
        (5, 0), (7, 5), (9, 7), (6, 0), (8, 6), (10, 8),
        (11, 5), (13, 11), (15, 13), (12, 6), (14, 12), (16, 14),
    ),
    centre=0,
    origin_joint=0,
    mirrored=tuple((left, left + 1) for left in range(1, 17, 2)),
)

OPENPOSE_18 = Skeleton(
    # nose, neck, right arm, left arm, right leg, left leg, right and left eye, right and left ear
    num_joints=18,
    edges=(
        (0, 1), (14, 0), (16, 14), (15, 0), (17, 15),
        (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6),
        (8, 2), (9, 8), (10, 9), (11, 5), (12, 11), (13, 12),
    ),
    centre=1,
    origin_joint=1,
    mirrored=((5, 2), (6, 3), (7, 4), (11, 8), (12, 9), (13, 10), (15, 14), (17, 16)),
)

OPENPOSE_25 = Skeleton(
    # nose, neck, right arm, left arm, mid hip, right leg, left leg, right and left eye, right and
    # left ear, left big toe, small toe and heel, right big toe, small toe and heel
    num_joints=25,
    edges=(
        (1, 8), (0, 1), (15, 0), (17, 15), (16, 0), (18, 16),
        (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6),
        (9, 8), (10, 9), (11, 10), (24, 11), (22, 11), (23, 22),
        (12, 8), (13, 12), (14, 13), (21, 14), (19, 14), (20, 19),
    ),
    centre=8,
    origin_joint=8,
    mirrored=(
        (5, 2), (6, 3), (7, 4), (12, 9), (13, 10), (14, 11), (16, 15), (18, 17),
        (19, 22), (20, 23), (21, 24),
    ),
)
# fmt: on
