"""A model behind `mlflow.pyfunc.load_model` and `mlflow models serve`.

MLflow is told to load this module, which is installed here: what was registered holds no code.
A row of the input is a clip: `skeleton`, nested lists (T, M, V, C) of any number of frames T.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.artefact.files import load_artefact
from orchestrator.artefact.predicting import Predictor

if TYPE_CHECKING:
    import pandas as pd

INPUT = "skeleton"


class ServedModel:
    """What MLflow calls `predict` of."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def predict(self, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """A row a clip: the class, its probability, and those of all classes in their order.

        Raises ValueError for clips that do not fit the model; a server answers 400.
        """
        import pandas as pd

        clips = [np.asarray(clip, dtype=np.float32) for clip in model_input[INPUT]]
        found = self._predictor.predict(clips)
        classes = self._predictor.description.info.classes
        return pd.DataFrame(
            {
                "class": [classes[best] for best in found.argmax(axis=1)],
                "probability": found.max(axis=1),
                "probabilities": found.tolist(),
            }
        )


def _load_pyfunc(path: str) -> ServedModel:
    return ServedModel(Predictor(load_artefact(Path(path))))
