"""Public skeleton datasets, the array store, streams and batched transforms."""

from data.dataset import DatasetSource
from data.fsd10 import FSD10
from data.hrnet import GYM99, KINETICS_HRNET, NTU60_HRNET, NTU120_HRNET
from data.kinetics import KINETICS
from data.msr_action3d import MSR_ACTION3D
from data.ntu_rgbd import NTU60, NTU120
from data.nw_ucla import NW_UCLA
from data.sbu import SBU
from data.synthetic import SYNTHETIC
from data.utd_mhad import UTD_MHAD

DATASETS: dict[str, DatasetSource] = {
    "synthetic": SYNTHETIC,
    "ntu60": NTU60,
    "ntu120": NTU120,
    "nw_ucla": NW_UCLA,
    "utd_mhad": UTD_MHAD,
    "msr_action3d": MSR_ACTION3D,
    "sbu": SBU,
    "fsd10": FSD10,
    "kinetics": KINETICS,
    "gym99": GYM99,
    "kinetics_hrnet": KINETICS_HRNET,
    "ntu60_hrnet": NTU60_HRNET,
    "ntu120_hrnet": NTU120_HRNET,
}

__all__ = ["DATASETS"]
