"""A run -> one HTML page that needs nothing from outside, and its summary in a notebook."""

from __future__ import annotations

import base64
import html
import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from lstmopt.forecasting.forecast_table import ID, levels_in
from lstmopt.report.figures import Figures
from lstmopt.report.intervals import with_intervals
from lstmopt.report.measures import curve_measure, measures
from lstmopt.report.narrative import (
    SECTIONS,
    STATES,
    counts,
    fit_command,
    predict_command,
    verdict,
    words_of,
)
from lstmopt.report.style import template
from lstmopt.results.document import TrialEntry, baseline_values
from lstmopt.results.run import RunData

if TYPE_CHECKING:
    import plotly.graph_objects as go

_MOST_ROWS = 300
"""Rows of the validation part that a selected trial's forecasts are shown for."""


def write_report(run: RunData) -> Path:
    """Write ``report.html`` into the run's folder, also of a run that is not finished."""
    run.folder.write(run.folder.report, render(run))
    return run.folder.report


def render(run: RunData) -> str:
    """Return the report as one page; every name in it is shown as text."""
    import jinja2
    from plotly.offline import get_plotlyjs

    here = files("lstmopt.report")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    drawn = {name: figure for name, figure in Figures(run).all().items() if _belongs(run, name)}
    page = environment.from_string((here / "page.html.jinja").read_text("utf-8"))
    return page.render(
        run=run,
        study=run.results.study,
        sections=SECTIONS.items(),
        css=(here / "page.css").read_text("utf-8"),
        script=(here / "page.js").read_text("utf-8"),
        plotly_js=get_plotlyjs(),
        data=_as_script(_page_data(run)),
        figures=[(name, _figure_json(name, figure)) for name, figure in drawn.items()],
        heights={name: figure.layout.height for name, figure in drawn.items()},
        titles={n: html.unescape(figure.layout.title.text) for n, figure in drawn.items()},
        slices=[name for name in drawn if name.startswith("parameter_")],
        histories=[name for name in drawn if name.startswith("history_")],
        **words_of(run),
    )


def notebook_summary(run: RunData) -> str:
    """Return a few lines of HTML: the verdict and the front."""
    front = run.front.reset_index().to_html(index=False, float_format="{:.4g}".format)
    lines = [html.escape(f"Study {run.name}: {counts(run)}"), html.escape(verdict(run))]
    return "".join(f"<p>{line}</p>" for line in lines) + front


def _belongs(run: RunData, name: str) -> bool:
    """Leave out figures of a model where there is none, and what only a longer horizon has."""
    if name in ("forecasts", "residuals"):
        return run.finished
    if name == "errors_by_lead":
        return run.finished and run.results.study.horizon > 1
    if name == "coverage":  # over time, which series of a panel have one of their own of
        return bool(with_intervals(run.results)) and run.series_errors.empty
    if name == "reliability":
        return bool(with_intervals(run.results))
    return True


def _as_script(value: Any) -> str:
    """Write JSON that is safe within a script element."""
    return msgspec.json.encode(value).decode().replace("<", "\\u003c")


def _figure_json(name: str, figure: go.Figure) -> str:
    """Write a figure without what the page brings itself: the template and the hover texts."""
    shown = json.loads(figure.to_json())
    for trace in shown["data"]:
        if trace.get("hoverinfo") == "text":
            trace.pop("hovertext", None)
    shown["layout"].pop("template", None)
    # times need all their digits, nothing else does
    return _as_script(shown if name == "forecasts" else _single_precision(shown))


def _single_precision(value: Any) -> Any:
    """Halve what plotly wrote in double precision, all the way down."""
    if isinstance(value, list):
        return [_single_precision(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("dtype") != "f8":
        return {name: _single_precision(each) for name, each in value.items()}
    numbers = np.frombuffer(base64.b64decode(value["bdata"]), "<f8").astype("<f4")
    return value | {"dtype": "f4", "bdata": base64.b64encode(numbers.tobytes()).decode()}


def _page_data(run: RunData) -> dict[str, Any]:
    """Return what the page's script knows of the run, in few bytes."""
    return {
        "objectives": run.goals.names,
        "parameters": run.parameters,
        "target": run.results.study.target,
        "curve": curve_measure(run),
        "templates": {"light": template(), "dark": template(dark=True)},
        "measures": [
            {
                "name": m.name,
                "label": m.label,
                "log": m.log,
                "maximise": m.maximise,
                "placed": [_short(value, 6) for value in m.placed.tolist()],
            }
            for m in measures(run).values()
        ],
        "trials": [_trial(run, entry) for entry in run.entries],
        "beside": {
            "baselines": list(baseline_values(run.results).values()),
            "averages": [entry.values for entry in run.results.averages],
        },
        "chosen": run.results.chosen and run.results.chosen.trial,
        "commands": {
            "predict": predict_command(run),
            "fit": fit_command(run),
        },
        "notes": _NOTES,
        "validation": _validation(run),
        "series": _series(run),
    }


_NOTES = {
    "unfinished": "A trial that did not run to its end has no weights to forecast with.",
    "no command": "Weights are kept of refitted trials only, and a run whose data came from Python "
    "is refitted there.",
    "not kept": "Weights are kept of refitted trials only: the command refits this one, tests it "
    "and saves it in place of the choice.",
}


def _trial(run: RunData, entry: TrialEntry) -> dict[str, Any]:
    """Return a trial with its values and hyperparameters in the order of their names."""
    curve = curve_measure(run)
    losses = (report.value(curve) for report in entry.curve)
    return {
        "number": entry.number,
        "state": STATES[entry.state],
        "epochs": entry.epochs,
        "seconds": _short(entry.seconds, 3),
        "reason": entry.reason,
        "values": [_short(entry.values.get(name)) for name in run.goals.names],
        "params": [_short(entry.params.get(name), 3) for name in run.parameters],
        "curve": [_short(loss) for loss in losses],
    }


def _short(value: Any, digits: int = 4) -> Any:
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def _series(run: RunData) -> dict[str, Any]:
    """Return the last forecast of each series of a panel that was kept, by its name."""
    rows = run.forecasts
    if ID not in rows or run.results.chosen is None:
        return {}
    rows, label = rows[rows["part"] == "test"], run.results.chosen.label
    columns = {"truth": "truth", "forecast": label}
    for level in levels_in(rows, label)[-1:]:
        columns |= {"low": f"{label}-lo-{level}", "high": f"{label}-hi-{level}"}
    found = {}
    for name, mine in rows.groupby(ID, sort=False):
        shown = {key: [_short(v) for v in mine[column]] for key, column in columns.items()}
        times = mine["time"].astype(str).tolist()
        found[str(name)] = {"times": times, **shown}
    return found


def _validation(run: RunData) -> dict[str, Any]:
    rows = run.forecasts
    rows = rows[rows["part"] == "validation"]
    # of a panel the first series, at all leads
    wanted = rows[ID] == rows[ID].iloc[:1].squeeze() if ID in rows else rows["lead"] == 1
    rows = rows[wanted].tail(_MOST_ROWS)
    networks = [name for name in rows.columns if name.startswith("trial ")]
    shown = {name: [_short(v) for v in rows[name].tolist()] for name in networks}
    return {
        "times": rows["time"].astype(str).tolist(),
        "truth": [_short(v) for v in rows["truth"].tolist()],
        "trials": {name.removeprefix("trial "): values for name, values in shown.items()},
    }
