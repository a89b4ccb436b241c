"""Data sets as 2-D keypoints of HRNet (COCO-17): x, y and score, from files of pyskl.

gym99           FineGym99 (Shao et al., CVPR 2020), one athlete in 99 classes: gym_hrnet.pkl
kinetics_hrnet  Kinetics-400 (Kay et al., 2017), two persons, from a file that has the keypoints
ntu60_hrnet     NTU RGB+D (Shahroudy et al., CVPR 2016), two persons: ntu60_hrnet.pkl
ntu120_hrnet    NTU RGB+D 120 (Liu et al., TPAMI 2020), two persons: ntu120_hrnet.pkl

Option `coordinates`: `scaled` by the image to -1..1 (default) or `pixels`. NTU RGB+D has its own
protocols. The others have the protocol `split`, the file's: its val is test, and val is every
tenth training clip of each class in FineGym99, every twentieth in Kinetics-400.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import get_args

from data.dataset import Clip, DatasetInfo, DatasetSource, RawClip, SplitRule
from data.names import read_names
from data.ntu_rgbd import NTU60, NTU120
from data.ntu_rgbd_names import NTU120_NAMES
from data.parts import split_by_part
from data.pyskl import Annotation, Coordinates, make_image_clip, scan_pyskl
from data.skeletons import COCO_17


def scan_gym99(raw: Path, *, coordinates: Coordinates = "scaled") -> list[RawClip]:
    """The athlete of every clip of a pyskl file."""
    return scan_pyskl(raw, _image_clips(1, coordinates))


def scan_two_persons(raw: Path, *, coordinates: Coordinates = "scaled") -> list[RawClip]:
    """The two persons with the highest scores of every clip of a pyskl file."""
    return scan_pyskl(raw, _image_clips(2, coordinates))


def scan_ntu(raw: Path, *, coordinates: Coordinates = "scaled") -> list[RawClip]:
    """The same, with the numbers in the clips' names and without the file's own splits."""
    make_clip = partial(make_ntu_clip, make_clip=_image_clips(2, coordinates))
    return scan_pyskl(raw, make_clip, needs_parts=False)


def make_ntu_clip(annotation: Annotation, *, make_clip: Callable[[Annotation], Clip]) -> Clip:
    name = NTU120_NAMES.parse_clip(annotation.name, annotation.label, annotation.place)
    return make_clip(annotation)._replace(**name.fields(), part="")


def _image_clips(num_persons: int, coordinates: Coordinates) -> Callable[[Annotation], Clip]:
    """`make_image_clip` of COCO-17; raises ValueError for unknown coordinates."""
    if coordinates not in get_args(Coordinates):
        known = ", ".join(get_args(Coordinates))
        raise ValueError(f"coordinates must be one of {known}, got {coordinates!r}")
    return partial(
        make_image_clip,
        num_joints=COCO_17.num_joints,
        num_persons=num_persons,
        coordinates=coordinates,
    )


def _describe(
    name: str, classes: tuple[str, ...], num_persons: int, protocols: tuple[str, ...]
) -> DatasetInfo:
    return DatasetInfo(
        name=name,
        classes=classes,
        num_channels=3,
        num_persons=num_persons,
        protocols=protocols,
        has_score=True,
        **COCO_17._asdict(),
    )


def _split(every: int) -> dict[str, SplitRule]:
    return {"split": partial(split_by_part, test_part="val", every=every)}


def _from_ntu(source: DatasetSource) -> DatasetSource:
    """The same clips, classes and protocols as `source`, other coordinates."""
    info = source.info
    return DatasetSource(
        info=_describe(f"{info.name}_hrnet", info.classes, 2, info.protocols),
        scan=scan_ntu,
        splits=source.splits,
    )


GYM99 = DatasetSource(
    info=_describe("gym99", read_names("finegym99_classes.txt"), 1, ("split",)),
    scan=scan_gym99,
    splits=_split(every=10),
)

KINETICS_HRNET = DatasetSource(
    info=_describe("kinetics_hrnet", read_names("kinetics400_classes.txt"), 2, ("split",)),
    scan=scan_two_persons,
    splits=_split(every=20),
)

NTU60_HRNET = _from_ntu(NTU60)
NTU120_HRNET = _from_ntu(NTU120)
