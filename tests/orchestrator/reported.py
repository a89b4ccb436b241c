"""The papers' tables, transcribed beside the checkout: each figure under the facts of its row.

The facts of a row are told from the transcription, those of a variant from its configuration, so
that a figure that stands beside the wrong variant is found.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from orchestrator.ablation.designs import Variant
from orchestrator.engine.config import TrialConfig

TABLES = Path(__file__).resolve().parents[3] / "shared" / "specs" / "paper_tables"
SOURCE = re.compile(r"(?P<paper>\S+) \(arXiv [\d.]+\), table (?P<number>\w+)")
FILES = {
    "MDR-GCN": ("mdrgcn", ""),
    "DualHead-Net": ("dualhead", "T"),
    "SLnL-rFA": ("slnl", "table"),
}
NETWORKS = {
    "agcn": "2S-AGCN",
    "ctrgcn": "CTR-GCN",
    "mdrgcn": "MDR-GCN",
    "msg3d": "MS-G3D",
    "slnl": "SLnL-rFA",
    "stgcn": "ST-GCN",
}
LOSSES = {
    "cosface": "LMCL",
    "cross_entropy": "softmax (Baseline)",
    "arcface": "arcFace",
    "sphereface": "sphereFace",
    "lace": "LACE",
}
Row = dict[str, Any]
Facts = tuple[object, ...]


def figures(source: str) -> dict[Facts, float | None]:
    """The figures of the table that `source` names."""
    match = SOURCE.fullmatch(source)
    assert match is not None, source
    file, prefix = FILES[match["paper"]]
    tables = yaml.safe_load((TABLES / f"{file}.yaml").read_text())["tables"]
    (table,) = (t for t in tables if t["id"] == prefix + match["number"])
    return {facts: v for row in table["rows"] for facts, v in ROWS[_key(source)](row)}


def facts_of(source: str, variant: Variant, config: TrialConfig) -> Facts:
    return VARIANTS[_key(source)](config, variant)


def _key(source: str) -> str:
    """Paper and number; tables of one kind have one."""
    match = SOURCE.fullmatch(source)
    assert match is not None
    key = f"{match['paper']} {match['number']}"
    kinds = {"DualHead-Net [123]": "DualHead-Net streams", "DualHead-Net [45678]": "DualHead-Net"}
    return next((kind for pattern, kind in kinds.items() if re.fullmatch(pattern, key)), key)


def _by(*columns: str) -> Callable[[Row], Iterator[tuple[Facts, float | None]]]:
    """Rows of MDR-GCN's tables: the facts are columns."""

    def rows(row: Row) -> Iterator[tuple[Facts, float | None]]:
        yield tuple(row[column] for column in columns), row["reported"]

    return rows


def _by_part(*columns: str, parts: dict[str, str]) -> Callable[[Row], Iterator[Any]]:
    """Rows with a figure for each of several protocols."""

    def rows(row: Row) -> Iterator[tuple[Facts, float | None]]:
        told = tuple(_plain(row[column]) for column in columns)
        yield from (((protocol, *told), row[part]) for part, protocol in parts.items())

    return rows


def _plain(value: object) -> object:
    return tuple(sorted(value)) if isinstance(value, list) else value


def _stream_rows(row: Row) -> Iterator[tuple[Facts, float | None]]:
    for column, value in row["values"].items():
        protocol = "split" if column == "top1" else column
        yield (protocol, frozenset(row.get("streams", [row["method"]]))), value


def _dualhead_row(row: Row) -> Iterator[tuple[Facts, float | None]]:
    s = row["settings"]
    if not s.get("dual_head"):
        yield ("MS-G3D", s["gcn_scales"]), row["value"]
        return
    heads = s["temporal_attention"], s["spatial_attention"], s["fine_channels"] / 96
    yield (*heads, tuple(s["coarse_g3d_windows"]), s["subsample_rate"]), row["value"]


def _dualhead(config: TrialConfig, _: Variant) -> Facts:
    a = config.model.args
    if config.model.name == "msg3d":
        return "MS-G3D", a["gcn_scales"]
    heads = a["temporal_attention"], a["spatial_attention"], a["fine_width"] / a["width"]
    return *heads, tuple(a["coarse_windows"]), a["subsampling_rate"]


def _network(config: TrialConfig, _: Variant) -> Facts:
    return (NETWORKS[config.model.name],)


def _has_rdl(config: TrialConfig) -> bool:
    return config.loss.embedding is not None and config.loss.embedding.name == "rdl"


def _c_mid(config: TrialConfig, _: Variant) -> Facts:
    a = config.model.args
    return ("C_in/{}".format(a["cvsta_ratio"]) if a["c_mid"] == "ratio" else "fixed",)


def _attention(config: TrialConfig, _: Variant) -> Facts:
    a = config.model.args
    if a["cvsta"]:
        return ("CVTSA",)
    return ("ST-JointAtt" if a["joint_attention"] else {"sa_gc": "SA-GC"}[a["graph_conv"]],)


def _noise(config: TrialConfig, _: Variant) -> Facts:
    name = NETWORKS[config.model.name]
    is_bare = name == "MDR-GCN" and not _has_rdl(config)
    return f"{name} (wo RDL)" if is_bare else name, round(100 * config.data.args["noise"])


def _terms(config: TrialConfig, _: Variant) -> Facts:
    assert config.loss.embedding is not None
    return tuple(config.loss.embedding.args[term] > 0 for term in ("intra", "inter", "norm"))


def _loss(config: TrialConfig, _: Variant) -> Facts:
    dataset = "FineGym99" if config.data.name == "gym99" else "FSD-10"
    if _has_rdl(config):
        is_whole = _terms(config, _) == (True, True, True)
        return "RDL" if is_whole else "RDL without inter angular term", dataset
    if config.loss.embedding is not None:
        return {"center": "center loss"}[config.loss.embedding.name], dataset
    return LOSSES[config.loss.classification.name], dataset


def _soft_margin(config: TrialConfig, _: Variant) -> Facts:
    spec = config.loss.classification
    return config.data.protocol, spec.args.get("gamma", 0), spec.args.get("margin", 0)


def _blocks(config: TrialConfig, _: Variant) -> Facts:
    a = config.model.args
    parts = tuple(sorted(a["non_local_parts"])) if a["num_slnl_blocks"] else ()
    return config.data.protocol, a["num_slnl_blocks"], parts


def _transform(config: TrialConfig, _: Variant) -> Facts:
    names = {"pos": ("position",), "vel": ("velocity",), "pos_vel": ("position", "velocity")}
    a = config.model.args
    transform = a["transform"]
    is_word = transform in {"none", "cnn"}
    return (
        config.data.protocol,
        transform if is_word else transform.upper(),
        names[a["streams"]],
    )


NTU = {"cs": "xsub", "cv": "xview"}
VARIANTS: dict[str, Callable[[TrialConfig, Variant], Facts]] = {
    "MDR-GCN I": lambda c, v: (*_network(c, v), c.model.args["cvsta"], _has_rdl(c)),
    "MDR-GCN II": _c_mid,
    "MDR-GCN III": _attention,
    "MDR-GCN IV": _noise,
    "MDR-GCN V": _terms,
    "MDR-GCN VI": lambda c, _: (c.model.args["activation"], len(c.model.args["temporal_kernels"])),
    "MDR-GCN VII": _network,
    "MDR-GCN VIII": _loss,
    "MDR-GCN X": _network,
    "MDR-GCN XI": lambda c, v: (c.data.protocol, *_network(c, v)),
    "DualHead-Net": _dualhead,
    "DualHead-Net streams": lambda c, v: (c.data.protocol, frozenset(v.streams)),
    "SLnL-rFA 2": _network,
    "SLnL-rFA 3": _transform,
    "SLnL-rFA 4": _soft_margin,
    "SLnL-rFA 5": lambda c, _: (c.data.protocol, c.model.args["frequency_attention"]),
    "SLnL-rFA 6": _blocks,
}
ROWS: dict[str, Callable[[Row], Iterator[tuple[Facts, float | None]]]] = {
    "MDR-GCN I": _by("model", "cvsta", "rdl"),
    "MDR-GCN II": _by("c_mid"),
    "MDR-GCN III": _by("attention"),
    "MDR-GCN IV": _by("method", "noise_percent"),
    "MDR-GCN V": _by("intra_angular", "inter_angular", "intra_norm"),
    "MDR-GCN VI": _by("activation", "k"),
    "MDR-GCN VII": _by("model"),
    "MDR-GCN VIII": _by("loss", "dataset"),
    "MDR-GCN X": _by("method"),
    "MDR-GCN XI": _by_part("method", parts={"x_sub": "xsub", "x_view": "xview"}),
    "DualHead-Net": _dualhead_row,
    "DualHead-Net streams": _stream_rows,
    "SLnL-rFA 2": lambda row: iter([((row["method"],), row["top1"])]),
    "SLnL-rFA 3": _by_part("transform", "streams", parts=NTU),
    "SLnL-rFA 4": _by_part("gamma", "margin", parts=NTU),
    "SLnL-rFA 5": lambda row: iter([((p, row["freq"].lower()), row[k]) for k, p in NTU.items()]),
    "SLnL-rFA 6": _by_part("n_slnl", "nl_parts", parts=NTU),
}
