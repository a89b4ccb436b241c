"""Studies whose results are made up."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.ablation.results import AblationResults
from orchestrator.spec import Study
from tests.orchestrator.reports.made_up import CVSTA_RDL, Hits, results_with


@pytest.fixture
def results_of(study_of: Callable[..., Study]) -> Callable[..., AblationResults]:
    """Results of a study of CVSTA and RDL, with these changes to its `ablation`."""

    def make(hits: Hits, content: dict[str, Any] | None = None, **ablation: Any) -> AblationResults:
        study = study_of(ablation=CVSTA_RDL | ablation, **(content or {}))
        return results_with(study, hits)

    return make
