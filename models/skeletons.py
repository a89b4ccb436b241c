"""Named skeletons as plain data: edges are (child, parent), 0-based, towards the centre."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Skeleton:
    num_joints: int
    centre: int
    edges: tuple[tuple[int, int], ...]


NTU25 = Skeleton(
    num_joints=25,
    centre=20,
    edges=(
        *((0, 1), (1, 20), (2, 20), (3, 2)),
        *((4, 20), (5, 4), (6, 5), (7, 6), (8, 20), (9, 8), (10, 9), (11, 10)),
        *((12, 0), (13, 12), (14, 13), (15, 14), (16, 0), (17, 16), (18, 17), (19, 18)),
        *((21, 22), (22, 7), (23, 24), (24, 11)),
    ),
)
COCO17 = Skeleton(
    num_joints=17,
    centre=0,
    edges=(
        *((15, 13), (13, 11), (16, 14), (14, 12), (11, 5), (12, 6)),
        *((9, 7), (7, 5), (10, 8), (8, 6), (5, 0), (6, 0)),
        *((1, 0), (3, 1), (2, 0), (4, 2)),
    ),
)
# The COCO pairs as the released MDR-GCN read them: every joint shifted by one, so that the right
# ankle plays the nose. Only for a faithful replay of its FineGym results.
GYM_RELEASED = Skeleton(
    num_joints=17,
    centre=0,
    edges=(
        *((14, 12), (12, 10), (10, 4), (15, 13), (13, 11), (11, 5)),
        *((9, 7), (7, 5), (8, 6), (6, 4), (5, 16), (4, 16)),
        *((2, 0), (0, 16), (3, 1), (1, 16)),
    ),
)
BODY25 = Skeleton(
    num_joints=25,
    centre=8,
    edges=(
        *((4, 3), (3, 2), (7, 6), (6, 5), (2, 1), (5, 1)),
        *((0, 1), (15, 0), (16, 0), (17, 15), (18, 16), (1, 8)),
        *((9, 8), (12, 8), (10, 9), (13, 12), (11, 10), (14, 13)),
        *((24, 11), (21, 14), (22, 11), (19, 14), (23, 22), (20, 19)),
    ),
)
OPENPOSE18 = Skeleton(
    num_joints=18,
    centre=1,
    edges=(
        *((4, 3), (3, 2), (7, 6), (6, 5), (13, 12), (12, 11), (10, 9), (9, 8)),
        *((11, 5), (8, 2), (5, 1), (2, 1), (0, 1)),
        *((15, 0), (14, 0), (17, 15), (16, 14)),
    ),
)

SKELETONS: dict[str, Skeleton] = {
    "ntu25": NTU25,
    "coco17": COCO17,
    "gym_released": GYM_RELEASED,
    "body25": BODY25,
    "openpose18": OPENPOSE18,
}
