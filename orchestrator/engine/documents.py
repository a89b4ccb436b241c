"""YAML documents read strictly, and their validation errors told in the document's own terms."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from orchestrator.engine.errors import Problem, SpecError

Model = TypeVar("Model")
Raw = dict[str, Any]


class _StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.2 scalars (`1e-3` is a number, `off` is a word); keys are texts, none repeated."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _refused("a key must be a word or a number", key_node)
            if key_node.value in mapping:
                raise _refused(f"the key {key_node.value!r} stands twice", key_node)
            mapping[key_node.value] = self.construct_object(value_node, deep=deep)
        return mapping

    def construct_decimal(self, node: yaml.ScalarNode) -> int:
        """`010` is ten: no octal numbers."""
        return int(node.value, 16 if node.value.startswith("0x") else 10)


class _StrictDumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Quotes every text that the loader, or a YAML 1.1 reader, would take for something else."""


def _refused(why: str, node: yaml.Node) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, why, node.start_mark)


_SCALARS = {
    "null": (r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}
for _tag, (_pattern, _first) in _SCALARS.items():
    for _class in (_StrictLoader, _StrictDumper):
        _expression = re.compile(f"^(?:{_pattern})$")
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _expression, _first)
_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_decimal)


def parse_yaml(text: str, source: str) -> Any:
    """The document's plain values; a `SpecError` naming source and line where it is not YAML."""
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "document"
        what = getattr(error, "problem", None) or str(error)
        raise SpecError(source, [Problem(where, None, what)]) from None


def read_mapping(path: Path) -> Raw:
    """A YAML file whose top level is a mapping with text keys."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(str(path), [Problem("file", None, f"cannot be read: {error}")]) from None
    document = parse_yaml(text, str(path))
    if not isinstance(document, dict):
        kind = type(document).__name__
        problem = Problem("document", None, f"must be a mapping of keys to values, is {kind}")
        raise SpecError(str(path), [problem])
    return document


def dump_yaml(document: Mapping[str, Any]) -> str:
    text: str = yaml.dump(dict(document), Dumper=_StrictDumper, sort_keys=False, allow_unicode=True)
    return text


def parse_overrides(pairs: list[str]) -> Raw:
    """`["optimizer.lr=1e-3", "model.cvsta=false"]` as dotted path to plain value."""
    changes: Raw = {}
    for pair in pairs:
        path, separator, text = pair.partition("=")
        if not separator or not path:
            problem = Problem(pair, None, "must have the form key=value, as in optimizer.lr=0.01")
            raise SpecError("command line", [problem])
        changes[path] = parse_yaml(text, f"command line, {path}")
    return changes


def changed(document: Raw, changes: Mapping[str, Any], source: str) -> Raw:
    """A copy of `document` in which every dotted path of `changes` has its new value."""
    result = copy.deepcopy(document)
    for path, value in changes.items():
        *parents, last = path.split(".")
        here = result
        for depth, key in enumerate(parents):
            here = here.setdefault(key, {})
            if not isinstance(here, dict):
                at = ".".join(parents[: depth + 1])
                problem = Problem(path, value, f"{at} is {here!r}, which has no keys")
                raise SpecError(source, [problem])
        here[last] = copy.deepcopy(value)
    return result


def validated(model: type[Model], document: Any, source: str, prefix: str = "") -> Model:
    """`document` as `model`, pydantic's or a dataclass.

    Else a `SpecError` with every problem, dotted path and suggestion.
    """
    try:
        return TypeAdapter(model).validate_python(document)
    except ValidationError as error:
        found: dict[str, Problem] = {}
        for detail in error.errors(include_url=False):
            path = prefix + _dotted(detail["loc"], document)
            problem = Problem(path, _shown(detail), _message(detail, model))
            found.setdefault(path, problem)
        raise SpecError(source, list(found.values())) from None


def _dotted(loc: tuple[int | str, ...], document: Any) -> str:
    """The location without the union tags (component names, types) that pydantic puts into it."""
    parts: list[str] = []
    here = document
    for key in loc:
        is_mapping = isinstance(here, Mapping)
        if is_mapping and key not in here and here.get("name") == key:
            continue
        if isinstance(key, str) and not is_mapping:
            continue
        parts.append(str(key))
        here = _item(here, key)
    return ".".join(parts) or "document"


def _item(here: Any, key: int | str) -> Any:
    if isinstance(here, Mapping):
        return here.get(key)
    if isinstance(here, list | tuple) and isinstance(key, int) and key < len(here):
        return here[key]
    return None


def _shown(detail: Any) -> object:
    is_whole = detail["type"] in {"missing", "union_tag_not_found"}
    if detail["type"] == "union_tag_invalid":
        return str(detail["ctx"]["tag"])
    value = detail["input"]
    return None if is_whole or isinstance(value, dict) else value


def _message(detail: Any, model: type[Any]) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "union_tag_invalid":
            known = [name.strip("'") for name in context["expected_tags"].split(", ")]
            return unknown_name(context["tag"], known)
        case "union_tag_not_found":
            return "needs a mapping with the key `name`"
        case "literal_error" if detail["loc"][-1] == "name":
            return unknown_name(str(detail["input"]), [context["expected"].strip("'")])
        case "extra_forbidden" | "unexpected_keyword_argument":
            known = _keys_allowed(TypeAdapter(model).json_schema(), detail["loc"][:-1])
            return unknown_name(str(detail["loc"][-1]), known, what="key")
        case "missing":
            return "is required"
        case "value_error":
            return str(context["error"])
        case _:
            message: str = detail["msg"]
            return message[0].lower() + message[1:]


def _keys_allowed(schema: Raw, loc: tuple[int | str, ...]) -> list[str]:
    """The property names at a location of a JSON schema; a union is entered by its tag."""
    here = _entered(schema, schema)
    for key in loc:
        tags = here.get("discriminator", {}).get("mapping", {})
        if key in tags:
            here = {"$ref": tags[key]}
        else:
            here = here.get("properties", {}).get(key) or here.get("additionalProperties") or {}
        here = _entered(schema, here)
    return list(here.get("properties", {}))


def _entered(schema: Raw, node: Raw) -> Raw:
    """The node itself behind a reference, or the mapping of `a mapping | a word | None`."""
    options = [o for o in node.get("anyOf", []) if o.get("type") not in {"null", "string"}]
    if len(options) == 1:
        node = options[0]
    reference = node.get("$ref")
    return schema["$defs"][reference.rsplit("/", 1)[1]] if reference else node


def unknown_name(name: str, known: list[str], what: str = "name") -> str:
    """`unknown name; did you mean 'mdrgcn'? known: ctrgcn, mdrgcn`."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown {what}; {hint}known: {', '.join(known) or 'none'}"
