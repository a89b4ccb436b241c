"""Annotation files of pyskl (Duan et al., 2022): one pickle with the clips of a data set.

{"split": {name: [clip, ...]}, "annotations": [{"frame_dir", "label", "keypoint" (M, T, V, 2 or 3)
and, of images, "keypoint_score" (M, T, V) and "img_shape" (height, width)}, ...]}

Older files are the list of annotations alone, one file a split, named ..._train.pkl and
..._val.pkl. Files whose annotations have no keypoints (Kinetics-400 keeps them apart) are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.dataset import SPLITS, Clip, FloatArray, RawClip
from data.file_cache import keep_unchanged
from data.pickles import is_column, read_plain_pickle, shown, to_text

Coordinates = Literal["scaled", "pixels"]

LARGEST = 2**31
"""Of labels and sides of images."""


class Annotation(NamedTuple):
    """One clip of a file; `keypoints` is (M, T, V, C), `scores` (M, T, V), `image` (height, width).

    `place` names file and clip for error messages; `part` is train, val, test or empty. Scores and
    image are as the file has them, and checked where they are used.
    """

    place: str
    name: str
    label: int
    part: str
    keypoints: NDArray[Any]
    scores: Any
    image: Any


class AnnotationFile(NamedTuple):
    """The annotations as they are, and the part of every clip that is in one."""

    annotations: list[dict[str, Any]]
    parts: Mapping[str, str]


def scan_pyskl(
    raw: Path, make_clip: Callable[[Annotation], Clip], *, needs_parts: bool = True
) -> list[RawClip]:
    """The clips of a file, or of the .pkl files of a folder, in their order.

    `make_clip` is a function of a module or a partial of one, so that it can be pickled.
    Raises ValueError, naming the file, for files of another form, and where the clips' parts are
    needed, for one without a clip in any; and for a clip of two files.
    """
    clips: list[RawClip] = []
    files_of: dict[str, Path] = {}
    for path in _find_files(raw):
        annotations, parts = read_annotations(path)
        names = [annotation["frame_dir"] for annotation in annotations]
        for name in names:
            if files_of.setdefault(name, path) != path:
                one, other = files_of[name].name, path.name
                raise ValueError(f"{raw}: clip {name} is in {one} and in {other}: name one file")
        if needs_parts and not any(name in parts for name in names):
            raise ValueError(
                f"{path}: no clip is in a split: 'split' must have lists of names as train and "
                "val, or the file must be called ..._train.pkl or ..._val.pkl"
            )
        loads = (partial(load_clip, path, index, make_clip) for index in range(len(names)))
        clips += map(RawClip, names, loads)
    return clips


def make_image_clip(
    annotation: Annotation, *, num_joints: int, num_persons: int, coordinates: Coordinates
) -> Clip:
    """A clip of 2-D keypoints, see `to_image_points`."""
    skeleton = to_image_points(
        annotation, num_joints=num_joints, num_persons=num_persons, coordinates=coordinates
    )
    return Clip(annotation.name, skeleton, annotation.label, part=annotation.part)


def load_clip(path: Path, index: int, make_clip: Callable[[Annotation], Clip]) -> Clip:
    return make_clip(read_annotation(path, index))


@keep_unchanged(1)
def read_annotations(path: Path) -> AnnotationFile:
    """Read once a process; raises ValueError unless every annotation has a name."""
    content = read_plain_pickle(path)
    split, annotations = _fields(path, content)
    for number, annotation in enumerate(annotations):
        if not isinstance(annotation, dict) or not isinstance(annotation.get("frame_dir"), str):
            raise ValueError(f"{path}: annotation {number} must have the clip's name, 'frame_dir'")
    names = [annotation["frame_dir"] for annotation in annotations]
    return AnnotationFile(annotations, _parts(path, split, names))


def to_positions(annotation: Annotation, *, num_joints: int, num_persons: int) -> FloatArray:
    """(T, M, V, 3) in metres, the first persons of the annotation; absent persons are zero."""
    _check_shape(annotation, (num_joints, 3))
    with np.errstate(over="ignore"):  # what is not finite is refused later on
        persons = annotation.keypoints[:num_persons].astype(np.float32)
    return _pad_persons(persons, num_persons)


def to_image_points(
    annotation: Annotation, *, num_joints: int, num_persons: int, coordinates: Coordinates
) -> FloatArray:
    """(T, M, V, 3): x, y and score; of more persons those with the largest sum of scores.

    scaled: the image's middle is the origin and its edges are at -1 and 1, y downwards; pixels: as
    they are. Scores stay as they are, and points without position and score stay zero.
    """
    _check_shape(annotation, (num_joints, 2))
    scores = _scores(annotation)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later on
        points = np.concatenate([annotation.keypoints, scores[..., None]], axis=-1).astype("f4")
        order = np.argsort(-points[..., 2].sum(axis=(1, 2)), kind="stable")
    if coordinates == "scaled":
        height, width = _image(annotation)
        middle = np.array([width, height], dtype=np.float32) / 2
        present = points.any(axis=-1, keepdims=True)
        points[..., :2] = np.where(present, points[..., :2] / middle - 1, 0)
    return _pad_persons(points[np.sort(order[:num_persons])], num_persons)


def find_pickles(folder: Path) -> list[Path]:
    return sorted(filter(Path.is_file, folder.glob("*.pkl")))


def _find_files(raw: Path) -> list[Path]:
    files = [raw] if raw.is_file() else find_pickles(raw)
    if not files:
        raise ValueError(f"no file {raw}, and no files *.pkl in it")
    return files


def _fields(path: Path, content: Any) -> tuple[dict[str, Any], list[Any]]:
    if isinstance(content, list):
        return {}, content
    if isinstance(content, dict):
        split, annotations = content.get("split"), content.get("annotations")
        if isinstance(split, dict) and isinstance(annotations, list):
            return split, annotations
    raise ValueError(
        f"{path}: must have 'split' (a dictionary) and 'annotations' (a list), or be such a list"
    )


def _parts(path: Path, split: dict[str, Any], names: list[str]) -> dict[str, str]:
    """The part of clips: by the split of that name, else by the end of the file's name."""
    ending = path.stem.rpartition("_")[2]
    if not split and ending in SPLITS:
        return dict.fromkeys(names, ending)
    parts: dict[str, str] = {}
    for part in SPLITS:
        listed = split.get(part, ())
        if not is_column(listed):
            raise ValueError(f"{path}: 'split', {part!r} must be a list, got {shown(listed)}")
        for content in listed:
            name = to_text(content, f"{path}: 'split', {part!r}")
            if parts.setdefault(name, part) != part:
                raise ValueError(f"{path}: clip {name} is in {parts[name]} and in {part}")
    return parts


def read_annotation(path: Path, index: int, *, needs_label: bool = True) -> Annotation:
    """Raises ValueError, naming file and clip, without keypoints or, where needed, a label."""
    file = read_annotations(path)
    annotation = file.annotations[index]
    name = annotation["frame_dir"]
    place = f"{path}, clip {name}"
    keypoints, label = (
        annotation.get("keypoint"),
        annotation.get("label", None if needs_label else 0),
    )
    if not isinstance(keypoints, np.ndarray) or keypoints.dtype.kind not in "fiu":
        keys = sorted(key for key in annotation if isinstance(key, str))
        raise ValueError(
            f"{place}: must have its keypoints in the file, an array 'keypoint' of numbers "
            f"(persons, frames, joints, channels); it has {keys}"
        )
    if not isinstance(label, int | np.integer) or not -LARGEST < label < LARGEST:
        raise ValueError(f"{place}: 'label' must be a whole number, got {shown(label)}")
    return Annotation(
        place=place,
        name=name,
        label=int(label),
        part=file.parts.get(name, ""),
        keypoints=keypoints,
        scores=annotation.get("keypoint_score"),
        image=annotation.get("img_shape"),
    )


def _check_shape(annotation: Annotation, expected: tuple[int, int]) -> None:
    shape = annotation.keypoints.shape
    if len(shape) != 4 or shape[2:] != expected:
        raise ValueError(
            f"{annotation.place}: 'keypoint' must be (persons, frames, {expected[0]}, "
            f"{expected[1]}), got {shape}"
        )


def _scores(annotation: Annotation) -> NDArray[Any]:
    scores, expected = annotation.scores, annotation.keypoints.shape[:3]
    is_numbers = isinstance(scores, np.ndarray) and scores.dtype.kind in "fiu"
    if not is_numbers or scores.shape != expected:
        found = getattr(scores, "shape", scores)
        raise ValueError(
            f"{annotation.place}: 'keypoint_score' must be numbers {expected}, got {shown(found)}"
        )
    return np.asarray(scores)


def _image(annotation: Annotation) -> tuple[int, int]:
    image = annotation.image
    is_pair = isinstance(image, tuple | list) and len(image) == 2
    if not is_pair or not all(
        isinstance(side, int | np.integer) and 0 < side < LARGEST for side in image
    ):
        raise ValueError(
            f"{annotation.place}: 'img_shape' must be a positive height and width, "
            f"got {shown(image)}"
        )
    return int(image[0]), int(image[1])


def _pad_persons(persons: FloatArray, num_persons: int) -> FloatArray:
    """(M, T, V, C) to (T, num_persons, V, C)."""
    absent = num_persons - len(persons)
    padded = np.pad(persons, ((0, absent), (0, 0), (0, 0), (0, 0)))
    return np.ascontiguousarray(padded.transpose(1, 0, 2, 3))
