"""Reading pickles of plain data without running what a pickle asks for.

A pickle is a program that calls what it names. This reader knows a few names alone, and puts
functions of its own behind those of numpy: an array's type is taken from a list of codes, never
from the state in the file, which could declare object pointers to be numbers.
"""

from __future__ import annotations

import math
import pickle
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

TYPE_CODE = re.compile(r"[<>=|]?([biufc][0-9]{1,2}|[SU][0-9]+|O[0-9]?)")
"""Numbers, strings and objects; no records, dates or subarrays."""


def read_plain_pickle(path: Path) -> Any:
    """What the file holds: containers, strings, numbers, and numpy arrays and scalars of them.

    Pickles of Python 2 are read with their strings as latin-1. Raises ValueError, naming the file,
    for a damaged pickle and for one that names anything else, without having called it.
    """
    with path.open("rb") as stream:
        try:
            return _PlainUnpickler(stream, encoding="latin1").load()
        except Exception as error:  # a damaged pickle can raise nearly any type
            problem = f"{type(error).__name__}: {error}"
            raise ValueError(f"{path}: not a pickle of plain data: {problem}") from error


class _PlainUnpickler(pickle._Unpickler):
    """Takes no memory for what a damaged file only claims to hold.

    The unpickler written in C makes a table as long as the largest object number, and both of them
    an array of bytes of any stated length, before they look how long the file is.
    """

    read: Callable[[int], bytes]
    append: Callable[[object], None]
    stack: list[Any]

    def find_class(self, module: str, name: str) -> Any:
        known = KNOWN.get((RENAMED.get(module, module), name))
        if known is None:
            raise pickle.UnpicklingError(f"refused to load {module}.{name}")
        return known

    def load_bytearray8(self) -> None:
        (length,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(length)))

    def load_build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, _ArrayType):
            target.dtype = target.dtype.newbyteorder(state[1])
        elif type(target) is np.ndarray:
            _fill_array(target, *state)
        else:
            raise pickle.UnpicklingError(f"refused to set the state of a {type(target).__name__}")

    dispatch: ClassVar[dict[int, Callable[..., None]]] = {
        **pickle._Unpickler.dispatch,
        pickle.BYTEARRAY8[0]: load_bytearray8,
        pickle.BUILD[0]: load_build,
    }


class _ArrayType:
    """Stands for a dtype while a file is read."""

    def __init__(self, code: str) -> None:
        if TYPE_CODE.fullmatch(code) is None:
            raise pickle.UnpicklingError(f"refused an array of type {code!r}")
        self.dtype = np.dtype(code)


def _make_type(code: str, align: bool = False, copy: bool = False) -> _ArrayType:
    return _ArrayType(code)


def _make_array(kind: object, shape: object, code: object) -> NDArray[Any]:
    return np.empty(0)


def _fill_array(
    array: NDArray[Any],
    version: int,
    shape: tuple[int, ...],
    kind: _ArrayType,
    is_fortran: bool,
    content: Any,
) -> None:
    if isinstance(content, list) and len(content) != math.prod(shape):  # numpy does not look
        raise pickle.UnpicklingError(f"an array {shape} of {len(content)} objects")
    array.__setstate__((1, shape, kind.dtype, is_fortran, content))  # type: ignore[arg-type]


def _make_array_of(
    content: bytes, kind: _ArrayType, shape: tuple[int, ...], order: Any
) -> NDArray[Any]:
    return np.frombuffer(content, kind.dtype).reshape(shape, order=order)


def _make_scalar(kind: _ArrayType, content: bytes | str) -> Any:
    return np.frombuffer(_encode(content), kind.dtype, count=1)[0]


def _encode(text: bytes | str = "", encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"refused the encoding {encoding!r}")
    return text if isinstance(text, bytes) else text.encode("latin1")


RENAMED = {
    "__builtin__": "builtins",
    "numpy._core.multiarray": "numpy.core.multiarray",
    "numpy._core.numeric": "numpy.core.numeric",
}
"""Modules of Python 2 and numpy 2, and the names they have in `KNOWN`."""

KNOWN: dict[tuple[str, str], Callable[..., Any] | str] = {
    ("builtins", "bytes"): _encode,
    ("builtins", "complex"): complex,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "set"): set,
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _make_type,
    ("numpy", "ndarray"): "ndarray",
    ("numpy.core.multiarray", "_reconstruct"): _make_array,
    ("numpy.core.multiarray", "scalar"): _make_scalar,
    ("numpy.core.numeric", "_frombuffer"): _make_array_of,
}
"""What a pickle may name, and what it gets: nothing here can be called to harm."""
