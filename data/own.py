"""A data set of one's own, described rather than programmed: the content of its YAML file.

Plain values, checked as far as they can be without looking at a file. Joints are told by name or
by 0-based number; files by globs and paths with forward slashes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Literal

FIELDS = ("label", "subject", "camera", "setup", "split")
"""What may be told of a clip; `split` is one of train, val, test, or empty."""

Joint = int | str


class _Strict:
    """Has no other fields, when it is made from a YAML document by pydantic."""

    __pydantic_config__: ClassVar[dict[str, object]] = {
        "extra": "forbid",
        "allow_inf_nan": False,
    }


@dataclass(frozen=True, kw_only=True)
class OwnSkeleton(_Strict):
    """Joints, the tree they form, and what is measured of each.

    joints
        Their names in the order of the arrays, or how many there are.
    edges
        Pairs of neighbours, in either order: a tree over all joints.
    centre, origin
        The root of the tree, and the joint that centring takes for the origin (default: the root).
    mirrored
        (left, right) pairs.
    coordinates, score
        2 or 3 coordinates a joint; with `score` the confidence of a pose estimator comes last.
    """

    joints: int | tuple[str, ...]
    edges: tuple[tuple[Joint, Joint], ...]
    centre: Joint
    origin: Joint | None = None
    mirrored: tuple[tuple[Joint, Joint], ...] = ()
    coordinates: Literal[2, 3] = 3
    score: bool = False

    def __post_init__(self) -> None:
        if len(set(self.names)) < max(len(self.names), 1):
            raise ValueError(f"joints must be at least one, of different names, got {self.joints}")
        self.tree()
        self.number(self.centre if self.origin is None else self.origin)
        for pair in self.mirrored:
            self.numbers(pair)

    @property
    def names(self) -> tuple[str, ...]:
        if isinstance(self.joints, int):
            return tuple(map(str, range(self.joints)))
        return self.joints

    @property
    def num_channels(self) -> int:
        return self.coordinates + self.score

    def number(self, joint: Joint) -> int:
        """The joint's place; ValueError listing the joints for one that is not among them."""
        if isinstance(joint, int) and 0 <= joint < len(self.names):
            return joint
        if joint not in self.names:
            raise ValueError(f"there is no joint {joint!r}; joints: {', '.join(self.names)}")
        return self.names.index(str(joint))

    def numbers(self, pair: tuple[Joint, Joint]) -> tuple[int, int]:
        return self.number(pair[0]), self.number(pair[1])

    def tree(self) -> tuple[tuple[int, int], ...]:
        """The edges as (child, parent), away from the centre; ValueError if they are not a tree."""
        left = [self.numbers(edge) for edge in self.edges]
        reached, turned = [self.number(self.centre)], []
        for parent in reached:
            for edge in [edge for edge in left if parent in edge]:
                left.remove(edge)
                child = edge[1] if edge[0] == parent else edge[0]
                if child in reached:
                    raise ValueError(f"edges must be a tree, but {self._named(edge)} is on a cycle")
                reached.append(child)
                turned.append((child, parent))
        if missing := set(range(len(self.names))) - set(reached):
            raise ValueError(
                "edges must join every joint to the centre "
                f"{self.names[reached[0]]}, but not these: {self._named(sorted(missing))}"
            )
        return tuple(turned)

    def _named(self, joints: tuple[int, ...] | list[int]) -> str:
        return ", ".join(self.names[joint] for joint in joints)


@dataclass(frozen=True, kw_only=True)
class ArrayFiles(_Strict):
    """NumPy files, one clip each or many.

    files
        A glob of .npy or .npz files below the raw folder, as in `clips/**/*.npz`.
    axes
        The axes of an array: T frames, V joints, C channels, M persons, N clips of one file.
    key
        The array's key in an .npz file; not needed if it is the only one.
    lengths
        The key of the frames (N,) of each clip. Without it, and in files of one clip, frames at
        the end in which every joint is absent do not count.
    """

    files: str
    axes: str = "T V C"
    key: str | None = None
    lengths: str | None = None

    def __post_init__(self) -> None:
        _check_files(self.files, (".npy", ".npz"))
        letters = sorted(self.axes.split())
        if len(set(letters)) < len(letters) or not set("TVC") <= set(letters) <= set("NTMVC"):
            raise ValueError(
                "axes must be T, V and C, with M for persons and N for clips where the arrays have "
                f"them, in their order and with spaces between, got {self.axes!r}"
            )
        if self.lengths is not None and "N" not in self.axes:
            raise ValueError(f"lengths is for files of many clips: axes {self.axes!r} has no N")


@dataclass(frozen=True, kw_only=True)
class TableFiles(_Strict):
    """Tables whose rows are joints (`joint` is given) or else whole bodies.

    files
        A glob of .csv or .parquet files below the raw folder.
    clip
        The column that tells the clips of a file apart; without it a file is one clip.
    frame
        The column that puts the frames in order; without it (null) every row is the next frame.
    person, joint
        The column of the person (any values, at most `persons` of them in a clip, in their order)
        and of the joint (its name, else its number). A joint without a row is absent.
    values
        The columns of the channels of a joint or, joint after joint, of a body; by default all
        columns that nothing else is said of.
    """

    files: str
    clip: str | None = None
    frame: str | None = "frame"
    person: str | None = None
    joint: str | None = None
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_files(self.files, (".csv", ".parquet"))
        if self.frame is None and (self.person or self.joint):
            raise ValueError("rows of persons or joints need the column `frame`, got null")


@dataclass(frozen=True, kw_only=True)
class ClipFields(_Strict):
    """Where a clip's label, subject, camera, setup and split come from; each from one source.

    pattern
        A regular expression, searched in the file's path below the raw folder, with groups of
        these names: `S(?P<subject>[0-9]+)_(?P<label>[a-z]+)`.
    table
        A .csv file with the column `file` (path below the raw folder) or `clip` (the clip's name)
        and columns of these names.
    keys
        Field to the key in the clip's .npz file, or to the column of its table.
    first_label
        The number of the first class, where labels are numbers and not names.
    """

    pattern: str | None = None
    table: str | None = None
    keys: dict[str, str] = field(default_factory=dict)
    first_label: int = 0

    def __post_init__(self) -> None:
        told = [*self.groups, *self.keys]
        if unknown := set(told) - set(FIELDS):
            raise ValueError(f"fields are {', '.join(FIELDS)}, got {', '.join(sorted(unknown))}")
        if twice := [name for name in FIELDS if told.count(name) > 1]:
            raise ValueError(f"{', '.join(twice)}: told by the pattern and by keys, must be by one")
        if self.table is None and "label" not in told:
            raise ValueError("the label must be a group of the pattern, a key, or in the table")

    @property
    def groups(self) -> list[str]:
        """The fields that the pattern tells."""
        if self.pattern is None:
            return []
        try:
            return list(re.compile(self.pattern).groupindex)
        except re.error as error:
            raise ValueError(f"pattern {self.pattern!r} cannot be read: {error}") from None


@dataclass(frozen=True, kw_only=True)
class Selection(_Strict):
    """Some clips: those of these subjects, cameras or setups, of a split that is told with the
    clips, or of every class a share drawn by chance."""

    subjects: tuple[int, ...] = ()
    cameras: tuple[int, ...] = ()
    setups: tuple[int, ...] = ()
    split: Literal["train", "val", "test"] | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        given = (self.subjects, self.cameras, self.setups, self.split, self.share)
        if sum(bool(value) for value in given) != 1:
            raise ValueError("needs exactly one of subjects, cameras, setups, split and share")
        if self.share is not None and not 0 < self.share < 1:
            raise ValueError(f"share must be above 0 and below 1, got {self.share}")


@dataclass(frozen=True, kw_only=True)
class OwnProtocol(_Strict):
    """Test clips, val clips among the others; the rest is train.

    Shares depend on `seed` and the clips' names only: more clips do not move those there are.
    """

    test: Selection
    val: Selection
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class OwnDataset(_Strict):
    """A data set of one's own.

    name
        Of the store, and of the data set in trial files.
    classes
        Their names, or a text file with one a line.
    raw
        The folder of the files, if it is not that of this file. This path and those of `classes`
        and of the clips' table are relative to this file.
    absent
        How the files mark an absent joint: all channels zero, or a channel that is NaN or empty.
    """

    name: str
    skeleton: OwnSkeleton
    persons: int = 1
    classes: tuple[str, ...] | str
    raw: str = "."
    arrays: ArrayFiles | None = None
    tables: TableFiles | None = None
    clips: ClipFields
    absent: Literal["zero", "nan"] = "zero"
    protocols: dict[str, OwnProtocol]

    def __post_init__(self) -> None:
        for name in (self.name, *self.protocols):
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(
                    "names of the data set and of protocols are lower-case letters, digits and _, "
                    f"got {name!r}"
                )
        if (self.arrays is None) == (self.tables is None):
            raise ValueError("needs exactly one of arrays and tables")
        if self.persons < 1:
            raise ValueError(f"persons must be at least 1, got {self.persons}")
        if self.arrays is not None and self.persons > 1 and "M" not in self.arrays.axes:
            raise ValueError(f"{self.persons} persons need M in axes, got {self.arrays.axes!r}")
        if not self.protocols:
            raise ValueError("needs at least one protocol")


def _check_files(glob: str, suffixes: tuple[str, ...]) -> None:
    if not glob.endswith(suffixes) or glob.startswith("/"):
        raise ValueError(
            f"files must be a glob below the raw folder that ends in {' or '.join(suffixes)}, "
            f"got {glob!r}"
        )
