"""What a search has shown, by Optuna's own pictures: pieces of HTML that need plotly's library."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import optuna
from optuna import visualization
from optuna.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    PedAnovaImportanceEvaluator,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from plotly.graph_objects import Figure

from orchestrator.reports.picture import Picture

_FEWEST_TRIALS = 8
"""Complete trials below which nothing is said of parameters."""
_MOST_CONTOURS = 4
_BEST_SHARE = 0.25
_SAMPLED = "A sampler looks where it expects good values: of places without points little is known."


class Drawn(NamedTuple):
    """A picture that is still to be drawn."""

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]
    height: int = 420
    """Pixels; the width is that of the page."""


@dataclass(frozen=True)
class Target:
    """One objective of a study; among several it is told apart by a number in the names."""

    study: optuna.Study
    place: int
    metric: str
    complete: list[FrozenTrial]

    @property
    def is_alone(self) -> bool:
        return len(self.study.directions) == 1

    @property
    def n(self) -> str:
        return f"n = {len(self.complete)} complete trials."

    @property
    def params(self) -> list[str]:
        """Those that every complete trial has and that vary: no conditional ones."""
        shared = set.intersection(*(set(trial.params) for trial in self.complete))
        values = {name: {str(trial.params[name]) for trial in self.complete} for name in shared}
        return [name for name in self.complete[0].params if len(values.get(name, ())) > 1]

    def value(self, trial: FrozenTrial) -> float:
        return float(trial.values[self.place])

    def cost(self, trial: FrozenTrial) -> float:
        """The smaller, the better."""
        is_max = self.study.directions[self.place] is StudyDirection.MAXIMIZE
        return -self.value(trial) if is_max else self.value(trial)

    def drawn(
        self, name: str, title: str, caption: str, draw: Callable[[], Figure], height: int = 420
    ) -> Drawn:
        end, of = ("", "") if self.is_alone else (f"_{self.place + 1}", f": {self.metric}")
        return Drawn(f"search_{name}{end}", f"{title}{of}", caption, draw, height)


def search_pictures(study: optuna.Study, metrics: Sequence[str]) -> list[Picture]:
    """Of a study that was rebuilt from its log; `metrics` are its objectives, in their order.

    What there are too few trials or parameters for is left out. The pieces of HTML are the same
    for the same study; a page shows them once it has plotly's library.
    """
    complete = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    if not complete:
        return []
    targets = [Target(study, place, metric, complete) for place, metric in enumerate(metrics)]
    fronts = [_front(study, metrics, targets[0].n)] if len(metrics) in {2, 3} else []
    return [_picture(one) for one in (*fronts, *(d for t in targets for d in _drawings(t)))]


def _picture(drawn: Drawn) -> Picture:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="optuna")
        figure = drawn.draw()
    layout = {"template": "plotly_white", "margin": {"t": 30}, "height": drawn.height}
    figure.update_layout(title=None, **layout)
    html = figure.to_html(full_html=False, include_plotlyjs=False, div_id=drawn.name)
    return Picture(drawn.name, drawn.title, drawn.caption, html=html)


def _front(study: optuna.Study, metrics: Sequence[str], n: str) -> Drawn:
    caption = (
        f"Each complete trial by {' and '.join(metrics)}; those that no other beats in one without "
        f"losing in another are set off; {n}"
    )
    names = list(metrics)
    return Drawn(
        "search_front",
        "Pareto front",
        caption,
        lambda: visualization.plot_pareto_front(study, target_names=names),
    )


def _drawings(target: Target) -> Iterator[Drawn]:
    yield target.drawn(
        "history",
        "Optimisation history",
        f"{target.metric} of each trial's best epoch in the order of the trials, and the best so "
        f"far; {target.n}",
        lambda: _plain(visualization.plot_optimization_history, target),
    )
    if len(target.complete) < _FEWEST_TRIALS or not target.params:
        return
    yield target.drawn(
        "slices",
        "Each parameter by itself",
        f"{target.metric} against each parameter, the darker the later the trial; {target.n} "
        f"{_SAMPLED}",
        lambda: _plain(visualization.plot_slice, target),
    )
    if len(target.params) > 1:
        yield from _of_several_params(target)


def _of_several_params(target: Target) -> Iterator[Drawn]:
    yield target.drawn(
        "parallel",
        "Trials as lines",
        f"Each line is a trial: its {target.metric} at the left, then its parameters; {target.n}",
        lambda: _of_params(visualization.plot_parallel_coordinate, target, target.params),
    )
    yield target.drawn(
        "contours",
        "Pairs of parameters",
        f"{target.metric} over pairs of the parameters that PED-ANOVA finds the most important "
        f"(at most {_MOST_CONTOURS}), interpolated between the trials, which are the points; "
        f"{target.n} {_SAMPLED}",
        lambda: _of_params(visualization.plot_contour, target, _most_important(target)),
        height=700,
    )
    if len({target.value(trial) for trial in target.complete}) > 1:
        yield from _importances(target)


def _importances(target: Target) -> Iterator[Drawn]:
    shares = "Shares add up to 1; conditional parameters, which not every trial has, are left out."
    yield target.drawn(
        "importances_ped_anova",
        "Importances, PED-ANOVA",
        f"Which parameters set the best {_BEST_SHARE:.0%} of the trials apart from all (Watanabe "
        f"et al., IJCAI 2023); {target.n} {shares}",
        lambda: _importance(target, PedAnovaImportanceEvaluator(target_quantile=_BEST_SHARE)),
    )
    yield target.drawn(
        "importances_fanova",
        "Importances, fANOVA",
        f"How much of the variance of {target.metric} over the whole space each parameter explains "
        f"in a random forest (Hutter et al., ICML 2014); {target.n} {shares}",
        lambda: _importance(target, FanovaImportanceEvaluator(seed=0)),
    )


def _plain(plot: Callable[..., Figure], target: Target) -> Figure:
    return plot(target.study, target=target.value, target_name=target.metric)


def _of_params(plot: Callable[..., Figure], target: Target, params: list[str]) -> Figure:
    return plot(target.study, params, target=target.value, target_name=target.metric)


def _importance(target: Target, evaluator: BaseImportanceEvaluator) -> Figure:
    of = None if target.is_alone else target.cost
    return visualization.plot_param_importances(
        target.study, evaluator, target.params, target=of, target_name=target.metric
    )


def _most_important(target: Target) -> list[str]:
    """By PED-ANOVA, in the order of the space."""
    importances = optuna.importance.get_param_importances(
        target.study,
        evaluator=PedAnovaImportanceEvaluator(target_quantile=_BEST_SHARE),
        params=target.params,
        target=None if target.is_alone else target.cost,
    )
    chosen = list(importances)[:_MOST_CONTOURS]
    return [name for name in target.params if name in chosen]
