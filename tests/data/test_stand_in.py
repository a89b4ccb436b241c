import numpy as np
import pytest

from data import DATASETS
from data.stand_in import stand_in


@pytest.mark.parametrize("name", list(DATASETS))
def test_it_has_the_shape_of_the_data_set_and_every_class_in_every_split(name):
    info = DATASETS[name].info

    store = stand_in(info)

    assert store.name == name
    assert store.frames.shape[1:] == (info.num_persons, info.num_joints, info.num_channels)
    for protocol in info.protocols:
        for split in ("train", "val", "test"):
            assert len(np.unique(store.labels[store.split(protocol, split)])) == len(info.classes)


def test_it_has_no_digest_that_a_training_could_be_known_by():
    assert stand_in(DATASETS["ntu60"].info).digest == ""
