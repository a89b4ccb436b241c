import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from orchestrator.engine.documents import (
    changed,
    dump_yaml,
    parse_overrides,
    parse_yaml,
    read_mapping,
    unknown_name,
    validated,
)
from orchestrator.engine.errors import SpecError


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: int = 8


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inner: Inner = Inner()
    sizes: list[int] = []
    epochs: int


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("4E+2", 400.0),
        (".5", 0.5),
        ("-1.", -1.0),
        ("+7", 7),
        ("-0", 0),
        ("0x1F", 31),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("-.inf", -math.inf),
    ],
)
def test_a_scalar_of_yaml_1_2_has_its_value_and_type(text, value):
    parsed = parse_yaml(text, "text")

    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    "text", ["off", "on", "yes", "no", "y", "12:30", "2001-01-01", "1_000", "0b1", "e3", "=", "<<"]
)
def test_what_only_yaml_1_1_reads_as_a_value_is_text(text):
    assert parse_yaml(text, "text") == text


@pytest.mark.parametrize(("text", "value"), [("010", 10), ("08", 8), ("-007", -7)])
def test_a_leading_zero_does_not_make_a_number_octal(text, value):
    assert parse_yaml(text, "text") == value


@given(st.floats(allow_nan=False))
def test_a_float_is_read_as_python_writes_it(number):
    text = repr(number).replace("inf", ".inf")

    assert parse_yaml(text, "text") == number


@pytest.mark.parametrize("text", ["1e-3", "08", "off", "12:30", "0x10", "null", "1e5", ""])
def test_text_that_looks_like_a_value_stays_text_when_written_and_read_again(text):
    assert parse_yaml(dump_yaml({"key": text}), "text") == {"key": text}


def test_a_repeated_key_is_an_error_that_names_its_line():
    text = "model:\n  width: 4\n  cvsta: true\n  width: 8\n"

    with pytest.raises(SpecError, match="the key 'width' stands twice") as caught:
        parse_yaml(text, "trial.yaml")

    assert caught.value.problems[0].path == "line 4"


def test_the_line_of_a_problem_is_said_once():
    with pytest.raises(SpecError) as caught:
        parse_yaml("a: 1\na: 2\n", "trial.yaml")

    assert str(caught.value).count("line 2") == 1


def test_one_key_in_two_mappings_is_not_repeated():
    assert parse_yaml("a: {k: 1}\nb: {k: 2}", "text") == {"a": {"k": 1}, "b": {"k": 2}}


@pytest.mark.parametrize(
    "text", ["a: [1", "a: !!python/object:os.system x", "a: *nowhere", "a: b: c"]
)
def test_what_is_not_plain_yaml_is_an_error_with_source_and_line(text):
    with pytest.raises(SpecError, match=r"(?s)trial\.yaml: 1 problem.*line [12]"):
        parse_yaml(text, "trial.yaml")


@pytest.mark.parametrize("text", ["[1, 2]: 3", "{}: 1"])
def test_a_key_that_is_a_list_or_a_mapping_is_an_error_with_its_line(text):
    with pytest.raises(SpecError, match="line 1"):
        parse_yaml(text, "trial.yaml")


@pytest.mark.parametrize(("text", "kind"), [("[1, 2]", "list"), ("word", "str"), ("", "NoneType")])
def test_a_document_that_is_no_mapping_is_refused_with_what_it_is(tmp_path: Path, text, kind):
    path = tmp_path / "trial.yaml"
    path.write_text(text)

    with pytest.raises(SpecError, match=f"must be a mapping of keys to values, is {kind}"):
        read_mapping(path)


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path):
    with pytest.raises(SpecError, match=r"(?s)nowhere\.yaml: 1 problem.*file: cannot be read"):
        read_mapping(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"name: caf\xe9"])
def test_a_file_that_is_no_utf8_text_cannot_be_read(tmp_path: Path, content):
    path = tmp_path / "trial.yaml"
    path.write_bytes(content)

    with pytest.raises(SpecError, match="file: cannot be read"):
        read_mapping(path)


def test_a_folder_cannot_be_read_as_a_file(tmp_path: Path):
    with pytest.raises(SpecError, match="file: cannot be read"):
        read_mapping(tmp_path)


def test_overrides_are_dotted_paths_with_yaml_values():
    pairs = ["optimizer.lr=1e-3", "model.cvsta=false", "loss.embedding=null", "a=b=c", "k=[3, 5]"]

    changes = parse_overrides(pairs)

    assert changes == {
        "optimizer.lr": 1e-3,
        "model.cvsta": False,
        "loss.embedding": None,
        "a": "b=c",
        "k": [3, 5],
    }


@pytest.mark.parametrize("pair", ["optimizer.lr", "=3"])
def test_an_override_without_key_or_value_shows_the_form(pair):
    with pytest.raises(SpecError, match=r"key=value, as in optimizer\.lr=0\.01"):
        parse_overrides([pair])


def test_an_override_whose_value_is_no_yaml_names_its_key():
    with pytest.raises(SpecError, match=r"command line, optimizer\.lr: 1 problem"):
        parse_overrides(["optimizer.lr=[1"])


def test_a_change_makes_the_mappings_on_its_way_and_leaves_the_original_alone():
    document = {"model": {"width": 4}}

    result = changed(document, {"model.width": 8, "loss.embedding.inter": 0.5}, "trial.yaml")

    assert result == {"model": {"width": 8}, "loss": {"embedding": {"inter": 0.5}}}
    assert document == {"model": {"width": 4}}


def test_a_changed_document_shares_nothing_with_the_values_of_the_change():
    kernels = [3, 5]
    result = changed({}, {"model.kernels": kernels}, "trial.yaml")

    kernels.append(7)

    assert result == {"model": {"kernels": [3, 5]}}


@pytest.mark.parametrize("here", [3, None, [1]])
def test_a_path_through_something_without_keys_says_what_is_there(here):
    with pytest.raises(SpecError, match=r"loss\.embedding is .*, which has no keys") as caught:
        changed({"loss": {"embedding": here}}, {"loss.embedding.inter": 1}, "study.yaml")

    assert caught.value.problems[0].path == "loss.embedding.inter"


def test_every_problem_of_a_document_is_told_at_once():
    document = {"inner": {"widht": 4}, "sizes": [1, "two"], "eposh": 3}

    with pytest.raises(SpecError, match=r"^trial\.yaml: 4 problems\n") as caught:
        validated(Outer, document, "trial.yaml")

    paths = {problem.path for problem in caught.value.problems}
    assert paths == {"inner.widht", "sizes.1", "eposh", "epochs"}


def test_a_problem_shows_its_value_and_a_missing_key_none():
    with pytest.raises(SpecError) as caught:
        validated(Outer, {"sizes": ["two"]}, "trial.yaml")

    shown = {problem.path: problem.value for problem in caught.value.problems}
    assert shown == {"sizes.0": "two", "epochs": None}
    assert "\n  epochs: is required" in str(caught.value)
    assert "\n  sizes.0 = 'two': input should be a valid integer" in str(caught.value)


def test_a_prefix_stands_before_every_path():
    with pytest.raises(SpecError) as caught:
        validated(Outer, {"epochs": "many"}, "study.yaml", prefix="variants.wide.")

    assert caught.value.problems[0].path == "variants.wide.epochs"


def test_an_unknown_name_lists_the_known_and_suggests_only_a_close_one():
    assert unknown_name("mdrgc", ["ctrgcn", "mdrgcn"]) == (
        "unknown name; did you mean 'mdrgcn'? known: ctrgcn, mdrgcn"
    )
    assert unknown_name("zzz", ["ctrgcn"], what="key") == "unknown key; known: ctrgcn"
