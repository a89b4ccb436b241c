"""Public skeleton datasets, the array store, streams and batched transforms."""

from data.dataset import DatasetSource
from data.ntu_rgbd import NTU60, NTU120
from data.nw_ucla import NW_UCLA
from data.synthetic import SYNTHETIC
from data.utd_mhad import UTD_MHAD

DATASETS: dict[str, DatasetSource] = {
    "synthetic": SYNTHETIC,
    "ntu60": NTU60,
    "ntu120": NTU120,
    "nw_ucla": NW_UCLA,
    "utd_mhad": UTD_MHAD,
}

__all__ = ["DATASETS"]
