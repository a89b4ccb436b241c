import inspect
from pathlib import Path

import pytest

from data import DATASETS
from data.batches import ClipTransform
from losses import LOSSES
from models import MODELS
from orchestrator.engine.config import (
    TrialConfig,
    flattened,
    load_trial,
    resolve_trial,
    transform_of,
)
from orchestrator.engine.documents import dump_yaml, parse_yaml
from orchestrator.engine.errors import SpecError
from orchestrator.engine.optim import LR_SCHEDULES, OPTIMIZERS
from tests.engine.trials import TRIAL, make_config

COMPONENTS = [
    (path, name, builder)
    for path, table in {
        "model": MODELS,
        "loss.classification": LOSSES["classification"],
        "loss.embedding": LOSSES["embedding"],
        "optimizer": OPTIMIZERS,
        "lr_schedule": LR_SCHEDULES,
    }.items()
    for name, builder in table.items()
]


def problems_of(changes: dict[str, object]) -> dict[str, str]:
    """Dotted path to message of what is wrong with the trial after these changes."""
    with pytest.raises(SpecError) as caught:
        make_config(changes)
    return {problem.path: problem.message for problem in caught.value.problems}


def options_of(builder) -> dict[str, object]:
    parameters = inspect.signature(builder).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


@pytest.mark.parametrize(("path", "name", "builder"), COMPONENTS)
def test_a_component_by_its_name_alone_has_the_defaults_of_its_builder(path, name, builder):
    config = make_config({path: {"name": name}})

    spec = config
    for key in path.split("."):
        spec = getattr(spec, key)

    assert spec.name == name
    assert spec.args == options_of(builder)


def test_every_default_is_written_out_in_the_plain_document():
    plain = make_config().plain()

    assert plain["lr_schedule"] == {"name": "constant", "warmup_epochs": 0}
    assert plain["loss"]["classification"]["name"] == "cross_entropy"
    assert plain["loss"]["embedding"]["intra"] == 1.0
    assert plain["optimizer"]["momentum"] == 0.9
    assert plain["data"]["protocol"] == "xsub"
    assert plain["data"].keys() >= options_of(ClipTransform).keys()
    assert plain.keys() == TrialConfig.model_fields.keys()


def test_the_plain_document_written_as_yaml_is_the_same_trial():
    config = make_config({"optimizer.lr": 1e-5, "model.temporal_kernels": [3, 5, 7]})

    again = resolve_trial(parse_yaml(dump_yaml(config.plain()), "text"), {}, "text")

    assert again == config


def test_lists_become_the_tuples_of_the_builder():
    config = make_config({"model.temporal_kernels": [3, 5, 7], "data.crop": [0.6, 1]})

    assert config.model.args["temporal_kernels"] == (3, 5, 7)
    assert transform_of(config.data).crop == (0.6, 1.0)


def test_a_misspelt_key_of_the_trial_is_told_with_the_known_ones():
    message = problems_of({"epoch": 3})["epoch"]

    assert message.startswith("unknown key; did you mean 'epochs'? known: model, data, loss,")


def test_a_misspelt_option_of_a_component_is_told_with_those_of_that_component():
    message = problems_of({"model.widht": 8})["model.widht"]

    assert message.startswith("unknown key; did you mean 'width'? known: name, width, cvsta,")


def test_an_option_of_another_component_is_unknown():
    message = problems_of({"optimizer.betas": [0.9, 0.99]})["optimizer.betas"]

    assert message == "unknown key; known: name, lr, momentum, nesterov, weight_decay"


def test_a_misspelt_key_between_components_is_told_with_its_neighbours():
    message = problems_of({"loss.embeding": None})["loss.embeding"]

    assert message == (
        "unknown key; did you mean 'embedding'? known: classification, embedding, center_lr"
    )


def test_a_misspelt_option_of_a_nullable_component_is_told_with_the_known_ones():
    message = problems_of({"loss.embedding.intr": 1.0})["loss.embedding.intr"]

    assert message.startswith("unknown key; did you mean 'intra'? known: name, intra, inter, norm,")


def test_an_unknown_component_is_told_with_those_of_its_table():
    known = ", ".join(MODELS)

    assert problems_of({"model.name": "mdrgc"}) == {
        "model": f"unknown name; did you mean 'mdrgcn'? known: {known}"
    }


@pytest.mark.parametrize("path", ["model", "loss.classification"])
def test_a_component_without_a_name_is_told_what_it_needs(path):
    assert problems_of({path: {}}) == {path: "needs a mapping with the key `name`"}


def test_every_problem_of_a_trial_file_is_told_at_once(tmp_path: Path):
    path = tmp_path / "bad.yaml"
    path.write_text("model: {name: mdrgcn, widht: 4}\ndata: {name: nope}\nepochs: 0\n")

    with pytest.raises(SpecError) as caught:
        load_trial(path, {"optimizer.name": "sgd", "optimizer.lr": "fast"})

    assert caught.value.source == str(path)
    paths = {problem.path for problem in caught.value.problems}
    assert paths == {"model.widht", "data.protocol", "epochs", "batch_size", "optimizer.lr"}


def test_data_of_ones_own_is_named_with_its_protocol():
    config = make_config({"data.name": "kitchen", "data.protocol": "by_day"})

    assert (config.data.name, config.data.protocol) == ("kitchen", "by_day")
    assert transform_of(config.data).clip_len == 8
    assert config.digest("data") != make_config().digest("data")


def test_a_misspelt_data_set_without_a_protocol_is_told_with_the_known_ones():
    assert problems_of({"data.name": "nw_ucal"}) == {
        "data.protocol": "is required for data of your own; otherwise 'nw_ucal' is an unknown "
        f"data set; did you mean 'nw_ucla'? known: {', '.join(DATASETS)}"
    }


def test_the_first_protocol_of_a_known_data_set_need_not_be_said():
    assert make_config({"data.name": "nw_ucla"}).data.protocol == "xview"
    assert problems_of({"data.protocol": "xset"}) == {
        "data.protocol": "synthetic has the protocols xsub"
    }


@pytest.mark.parametrize("name", ["My data", "../data", "", 3, None])
def test_a_name_that_cannot_be_a_store_is_refused_at_its_path(name):
    assert problems_of({"data.name": name}).keys() == {"data.name"}


def test_the_schema_offers_the_known_data_sets_and_takes_others():
    (known, other) = TrialConfig.model_json_schema()["$defs"]["data"]["properties"]["name"]["anyOf"]

    assert known == {"enum": list(DATASETS)}
    assert other == {"type": "string"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model.width", "wide"),
        ("model.width", 4.5),
        ("model.activation", "swish"),
        ("loss.embedding.mode", "pap"),
        ("data.protocol", "xview"),
        ("data.stream", "velocity"),
        ("data.repeat", 0),
        ("optimizer.lr", float("inf")),
        ("optimizer.lr", float("nan")),
        ("epochs", 0),
        ("batch_size", None),
        ("seed", -1),
        ("clip_grad_norm", 0),
        ("loss.center_lr", 0),
        ("precision", "fp16"),
        ("select_on", "train"),
        ("monitor", "top5"),
    ],
)
def test_a_value_of_a_wrong_type_or_range_is_refused_at_its_path(path, value):
    assert problems_of({path: value}).keys() == {path}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("data.crop", [0.9, 0.1], r"crop must be 0 < low <= high <= 1, got (0.9, 0.1)"),
        ("data.clip_len", 0, "clip_len and crop_min_frames must be at least 1, got 0, 64"),
        ("data.rotation_deg", [0, 200, 0], "rotation_deg must be 3 angles in 0..180"),
    ],
)
def test_a_transform_out_of_range_is_refused_at_the_path_data(path, value, message):
    problems = problems_of({path: value})

    assert problems.keys() == {"data"}
    assert message in problems["data"]


def test_a_range_error_of_the_transform_stands_beside_other_problems():
    assert problems_of({"data.eval_crop": 2.0, "epochs": 0}).keys() == {"data", "epochs"}


@pytest.mark.parametrize(
    ("select_on", "fit", "evaluated", "metric"),
    [
        ("val", ("train",), "val", "val/top1"),
        ("test", ("train", "val"), "test", "test/top1"),
        ("none", ("train", "val"), "test", "test/top1"),
    ],
)
def test_select_on_decides_the_splits_and_the_name_of_the_figure(select_on, fit, evaluated, metric):
    config = make_config({"select_on": select_on})

    assert config.fit_splits == fit
    assert config.eval_split == evaluated
    assert config.metric == metric


@pytest.mark.parametrize(
    ("monitor", "mode"), [("top1", "max"), ("mean_class", "max"), ("loss", "min")]
)
def test_only_the_loss_is_better_when_it_is_lower(monitor, mode):
    config = make_config({"monitor": monitor})

    assert config.mode == mode
    assert config.metric == f"val/{monitor}"


def test_the_digest_is_12_hexadecimal_digits_that_do_not_change():
    digest = make_config().digest("data")

    assert digest == make_config().digest("data")
    assert len(digest) == 12
    assert set(digest) <= set("0123456789abcdef")


def test_the_digest_is_of_the_training_and_not_of_how_it_is_written():
    reordered = dict(reversed(TRIAL.items()))
    written_out = {"seed": 0, "model.cvsta": True, "optimizer.weight_decay": 1e-4}

    config = resolve_trial(reordered, written_out, "text")

    assert config.digest("data") == make_config().digest("data")


def test_whole_numbers_and_floats_of_one_value_are_one_training():
    whole, real = make_config({"optimizer.lr": 1}), make_config({"optimizer.lr": 1.0})

    assert whole.digest("data") == real.digest("data")


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"epochs": 5},
        {"model.cvsta": False},
        {"model.name": "ctrgcn", "model": {"name": "ctrgcn"}},
        {"loss.embedding": None},
        {"loss.embedding.norm": 0.02},
        {"loss.center_lr": 0.5},
        {"optimizer.lr": 0.051},
        {"lr_schedule.name": "cosine"},
        {"data.clip_len": 9},
        {"data.repeat": 2},
        {"precision": "bf16"},
        {"select_on": "test"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_digest_changes_with_the_seed_and_with_every_option(changes):
    assert make_config(changes).digest("data") != make_config().digest("data")


def test_the_digest_changes_with_the_data():
    assert make_config().digest("data") != make_config().digest("other data")


def test_a_trial_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        make_config().epochs = 5


def test_an_override_is_laid_over_the_file(tmp_path: Path):
    path = tmp_path / "trial.yaml"
    path.write_text(dump_yaml(TRIAL))

    config = load_trial(path, {"optimizer.lr": 0.5, "loss.embedding": None})

    assert config.optimizer.args["lr"] == 0.5
    assert config.loss.embedding is None


def test_flattened_names_every_leaf_by_its_dotted_path():
    leaves = flattened({"a": {"b": {"c": 1}, "d": [2]}, "e": None})

    assert leaves == {"a.b.c": 1, "a.d": [2], "e": None}
