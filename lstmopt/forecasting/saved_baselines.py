"""Baselines that were saved with a model: restored, and fitted again."""

from __future__ import annotations

from lstmopt.data.windows import Part
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.baseline_state import BaselineState, SavableBaseline
from lstmopt.forecasting.baselines import CheckedForecast, make_baseline
from lstmopt.forecasting.judging import Forecast
from lstmopt.plugin.failures import PluginErrors, wrong_answer
from lstmopt.plugin.registry import Registry
from lstmopt.plugin.strategy import Named, described


def restore_baseline(registry: Registry, text: str, state: BaselineState) -> Forecast:
    """Return the forecast that was saved of a baseline, ``NAME`` or ``NAME:KEY=VALUE,…``.

    Raises LstmoptError for a name that is not registered, for a baseline that cannot be saved, and
    where a plug-in fails.
    """
    made, who = _savable(registry, text)
    with PluginErrors(who):
        return CheckedForecast(made.restore(state), who)


def _savable(registry: Registry, text: str) -> tuple[SavableBaseline, str]:
    """Make a baseline that can be saved; and return who brought it, as an error names it.

    Raises LstmoptError for a name that is not registered, and for another kind of baseline.
    """
    made = make_baseline(registry, text)
    who = described("baseline", registry.strategy("baseline", Named.parse(text).name))
    if not isinstance(made, SavableBaseline):
        rule = "a baseline of a saved model has state, restore and refit"
        raise LstmoptError(wrong_answer(rule, type(made).__name__, who))
    return made, who


def refit_baseline(
    registry: Registry, text: str, state: BaselineState, train: Part
) -> BaselineState:
    """Fit a saved baseline again on other rows, with what validation chose then.

    Raises LstmoptError as `restore_baseline` does.
    """
    made, who = _savable(registry, text)
    with PluginErrors(who):
        return made.state(made.refit(made.restore(state), train))
