"""`skeltune models` and `skeltune weights`."""

import json

import pytest
from typer.testing import CliRunner

from models import MODELS
from orchestrator.cli import app
from orchestrator.engine.errors import SpecError


def answer(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_list_has_every_model_with_its_paper_and_size():
    listed = answer("models", "list")

    assert all(name in listed for name in MODELS)
    assert "1,975,584" in listed
    assert listed.count("arXiv") >= len(MODELS)


def test_a_description_for_programs_counts_the_defaults_on_ntu60():
    told = json.loads(answer("models", "describe", "mdrgcn", "--json"))

    assert told["name"] == "mdrgcn"
    assert told["params"] == 1_975_584
    assert told["macs"] == pytest.approx(2.336e9, abs=6e5)
    assert told["input"] == [1, 3, 64, 25, 2]
    assert told["outputs"]["scores"] == [1, 60]
    assert told["peak_activation_bytes"] > 10e6


def test_options_and_sizes_change_what_is_described():
    options = ("cvsta=false", "temporal_kernels=[3]", "width=8")
    sizes = ("--classes", "7", "--skeleton", "coco17", "--persons", "1", "--frames", "8")
    told = json.loads(answer("models", "describe", "mdrgcn", *options, *sizes, "--json"))

    assert told["options"]["temporal_kernels"] == [3]
    assert told["input"] == [1, 3, 8, 17, 1]
    assert told["outputs"] == {"main": [1, 7], "scores": [1, 7], "embedding": [1, 32]}


def test_a_description_for_people_names_sizes_options_and_paper():
    told = answer("models", "describe", "ctrgcn", "width=8", "--frames", "8")

    assert "arXiv 2107.12213" in told
    assert "option width" in told
    assert "peak of activations" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ctrgnc",), "did you mean 'ctrgcn'"),
        (("ctrgcn", "widht=8"), "did you mean 'width'"),
        (("ctrgcn", "width=wide"), "valid integer"),
    ],
)
def test_unknown_names_and_options_are_explained(arguments, message):
    with pytest.raises(SpecError, match=message):
        answer("models", "describe", *arguments)


def test_an_unknown_skeleton_is_explained():
    with pytest.raises(ValueError, match="did you mean 'ntu25'"):
        answer("models", "describe", "ctrgcn", "--skeleton", "ntu52")
