"""Reading pickles of plain data without running what a pickle asks for.

A pickle is a program that calls what it names. This reader knows a few names alone, and puts
functions of its own behind those of numpy: an array's type is taken from a list of codes, never
from the state in the file, which could declare object pointers to be numbers.
"""

from __future__ import annotations

import math
import pickle
import re
import reprlib
import struct
from collections.abc import Callable, Iterable
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
    try:
        with path.open("rb") as stream:
            return _PlainUnpickler(stream, encoding="latin1").load()
    except Exception as error:  # a damaged pickle can raise nearly any type
        problem = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path}: not a pickle of plain data: {problem}") from error


def shown(value: object) -> str:
    """What a pickle holds, in the text of an error: short, however long or nested it is."""
    return _SHOWN.repr(value)


def is_column(value: object) -> bool:
    """Whether it is a list, a tuple or an array of one axis."""
    return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim == 1)


def to_text(value: object, place: str) -> str:
    """A name, of bytes too; raises ValueError, naming the place, for anything else."""
    if isinstance(value, bytes):
        return value.decode("latin1")
    if isinstance(value, str):
        return str(value)
    raise ValueError(f"{place}: the name must be text, got {shown(value)}")


class _Shown(reprlib.Repr):
    """By default an array is written out wholly, with the lists in it, before it is cut."""

    def repr_ndarray(self, array: NDArray[Any], _level: int) -> str:
        return f"array {array.shape} of {array.dtype}"

    def repr_int(self, number: int, _level: int) -> str:
        bits = number.bit_length()
        return repr(number) if bits <= LONGEST_SHOWN else f"a whole number of {bits} bits"


LONGEST_SHOWN = 128
"""Bits of a whole number."""
_SHOWN = _Shown()
_SHOWN.maxlevel = 2


KEYS = {
    pickle.SETITEM: slice(-2, -1),
    pickle.SETITEMS: slice(None, None, 2),
    pickle.DICT: slice(None, None, 2),
    pickle.ADDITEMS: slice(None),
    pickle.FROZENSET: slice(None),
}
"""Where on the stack are the keys and members of sets that these put in place."""


def _looking_at(keys: slice, code: int) -> Callable[[_PlainUnpickler], None]:
    put_in_place: Callable[..., None] = pickle._Unpickler.dispatch[code]

    def load(unpickler: _PlainUnpickler) -> None:
        _refuse_tuples(unpickler.stack[keys])
        put_in_place(unpickler)

    return load


def _refuse_tuples(keys: Iterable[object]) -> None:
    """To hash a tuple of tuples can take for ever."""
    if any(isinstance(key, tuple) for key in keys):
        raise pickle.UnpicklingError("refused a tuple as a key or in a set")


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
        **{code[0]: _looking_at(keys, code[0]) for code, keys in KEYS.items()},
    }


def _make_set(members: Iterable[object] = ()) -> set[object]:
    listed = list(members)
    _refuse_tuples(listed)
    return set(listed)


def _make_frozenset(members: Iterable[object] = ()) -> frozenset[object]:
    return frozenset(_make_set(members))


class _ArrayType:
    """Stands for a dtype while a file is read."""

    def __init__(self, code: str) -> None:
        if TYPE_CODE.fullmatch(code) is None:
            raise pickle.UnpicklingError(f"refused an array of type {shown(code)}")
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
        raise pickle.UnpicklingError(f"an array {shown(shape)} of {len(content)} objects")
    array.__setstate__((1, shape, kind.dtype, is_fortran, content))  # type: ignore[arg-type]


def _make_array_of(
    content: bytes | bytearray, kind: _ArrayType, shape: tuple[int, ...], order: Any
) -> NDArray[Any]:
    if not isinstance(content, bytes | bytearray):  # whose memory stays while it is looked at
        raise pickle.UnpicklingError(f"refused an array over what is {type(content).__name__}")
    return np.frombuffer(content, kind.dtype).reshape(shape, order=order)


def _make_scalar(kind: _ArrayType, content: bytes | str) -> Any:
    return np.frombuffer(_encode(content), kind.dtype, count=1)[0]


def _encode(text: bytes | str = "", encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"refused the encoding {shown(encoding)}")
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
    ("builtins", "frozenset"): _make_frozenset,
    ("builtins", "set"): _make_set,
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _make_type,
    ("numpy", "ndarray"): "ndarray",
    ("numpy.core.multiarray", "_reconstruct"): _make_array,
    ("numpy.core.multiarray", "scalar"): _make_scalar,
    ("numpy.core.numeric", "_frombuffer"): _make_array_of,
}
"""What a pickle may name, and what it gets: nothing here can be called to harm."""
