"""The report in a real browser."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from lstmopt import load, make_config, run
from lstmopt.report.page import SECTIONS, render
from lstmopt.report.png import find_browser
from lstmopt.report.terminal import verdict_line
from support.parts import wave
from support.runs import make_run, rewritten

pytestmark = pytest.mark.browser

SCRIPT, UNUSUAL = "<script>alert(1)</script>", '"&é日本</script><img src=x onerror=alert(2)>'
STUDY = '<script>alert(3)<b>"&é日本'
EVERY_STATE = ["complete", "pruned", "failed", "infeasible", "complete", "running"] * 5


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=find_browser(),
            args=["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [],
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Path:
    """A real run whose every name tries to be more than a text."""
    folder = tmp_path_factory.mktemp("real")
    data = folder / "data & <b>.csv"
    wave(300).rename(columns={"load": UNUSUAL, "wind": SCRIPT}).to_csv(data, index=False)
    config = make_config(
        {
            "name": "é日本",
            "workers": 1,
            "data": {"path": str(data), "target": UNUSUAL},
            "task": {"window": 12, "horizon": 3},
            "training": {"epochs": 4, "targets_per_window": 4},
            "space": {"hidden_size": [4, 8], "learning_rate": {"low": 0.003, "high": 0.1}},
            "pruner": {"name": "median", "n_startup_trials": 2},
            "budget": {"trials": 12},
            "finalists": {"seeds": 2},
        }
    )
    run(config, folder / "a & <b>")
    return load(folder / "a & <b>").write_report()


class Watched:
    """A page that must stay silent: no message, no error, no dialog, nothing from outside."""

    def __init__(self, browser: Browser, report: Path, width: int = 1200, **context) -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900}, **context)
        self.noise: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.noise.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.noise.append("dialog"), dialog.dismiss()))
        self.page.on("request", self._asked)
        self.page.goto(report.as_uri())

    def _heard(self, message) -> None:
        # a driver without a GPU speaks of its own slowness
        if "GPU stall due to ReadPixels" not in message.text:
            self.noise.append(message.text)

    def _asked(self, request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.noise.append(request.url)

    def draw_all(self) -> Page:
        self.page.evaluate("lstmoptReport.drawAll()")
        return self.page


@pytest.fixture
def watch(browser):
    opened: list[Watched] = []

    def open_page(report: Path, **options) -> Watched:
        opened.append(Watched(browser, report, **options))
        return opened[-1]

    yield open_page
    for watched in opened:
        assert watched.noise == []
        watched.page.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1600, "dark")])
def test_every_figure_of_a_real_run_is_drawn_at_every_width_in_light_and_dark(
    watch, real, width, scheme
):
    page = watch(real, width=width, color_scheme=scheme).draw_all()
    nodes = page.locator(".plot[data-figure]")
    assert nodes.count() == len(load(real.parent).figures.all())
    drawn = page.evaluate(
        "[...document.querySelectorAll('.plot[data-figure]')]"
        ".every(node => node.querySelector('.main-svg') && node.offsetHeight > 100)"
    )
    assert drawn
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_figures_are_drawn_as_they_come_into_view(watch, real):
    page = watch(real).page
    last = page.locator('[data-figure="pruning"]')
    assert last.locator(".main-svg").count() == 0
    last.scroll_into_view_if_needed()
    last.locator(".main-svg").first.wait_for()


def test_the_sections_come_in_the_order_in_which_a_person_decides(watch, real):
    page = watch(real).page
    assert page.locator("h2").all_inner_texts() == list(SECTIONS.values())


def test_the_verdict_is_that_of_the_record(watch, real):
    document = json.loads((real.parent / "optimization_results.json").read_text())
    text = watch(real).page.locator("#verdict").inner_text()
    assert f"{document['chosen']['test']['own']['mae']['mean']:.4g}" in text
    assert f"{document['baselines']['ridge']['own']['mae']['mean']:.4g}" in text
    assert f"{document['chosen']['latency_ms']:.3g} ms" in text
    average = document["chosen"]["trial"] is None
    assert ("It is the mean of" if average else "over 2 seeds") in text


def test_a_click_on_a_point_shows_its_trial(watch, real):
    page = watch(real).draw_all()
    page.locator('[data-figure="front"] .scatterlayer .point').last.click(force=True)
    number = int(page.locator("#trial").input_value())
    assert page.locator("#selected-title").inner_text() == f"Trial {number}"
    shown = page.locator("#selected-values").inner_text()
    run = load(real.parent)
    assert str(run.trials.loc[number, "hidden_size"]) in shown
    assert number in run.front.index
    assert page.locator("#selected-curve .main-svg").count()
    assert page.locator("#selected-forecast .main-svg").count()


def test_a_trial_is_chosen_with_the_keyboard_too(watch, real):
    page = watch(real).draw_all()
    page.locator("#front button[data-trial]").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#selected-title").inner_text().startswith("Trial ")
    page.locator("#trial").focus()
    page.keyboard.press("Home")
    assert page.locator("#selected-body").is_hidden()


def test_the_command_that_deploys_a_trial_names_it_and_quotes_the_folder(watch, real):
    page = watch(real).draw_all()
    run = load(real.parent)
    complete = run.trials[run.trials["state"] == "complete"].index
    number = next(n for n in complete if n != run.document["chosen"]["trial"])
    page.locator("#trial").select_option(str(number))
    command = page.locator("#deploy").inner_text()
    assert command.startswith(f"lstmopt fit '{real.parent}' --trial {number} && lstmopt predict")


def test_axes_switch_to_other_measures(watch, real):
    page = watch(real).draw_all()
    page.locator("#axis-x").select_option("parameters")
    page.wait_for_function(
        "document.querySelector('[data-figure=front]').layout.xaxis.title.text === 'parameters'"
    )
    run = load(real.parent)
    drawn = page.evaluate(
        "document.querySelector('[data-figure=front]').data"
        ".filter(trace => trace.customdata)"
        ".flatMap(trace => trace.customdata.map((number, n) => [number, trace.x[n]]))"
    )
    sizes = {row["hidden_size"]: row["parameters"] for row in run.document["architectures"]}
    assert drawn
    for number, x in drawn:
        assert x == sizes[run.trials.loc[number, "hidden_size"]]


BASELINES = "document.querySelector('[data-figure=front]').data.find(t => t.meta === 'baselines')"


def test_baselines_are_points_with_their_name_on_every_axis_that_they_have(watch, real):
    page = watch(real).draw_all()
    bar = load(real.parent).results.bar
    first = [entry.latency_ms for entry in bar.values()]
    assert page.evaluate(f"[...{BASELINES}.x]") == pytest.approx(first, rel=1e-4)
    assert f"baseline ({len(bar)})" in page.locator('[data-figure="front"] .legend').text_content()
    assert "baseline ridge" in page.evaluate(f"{BASELINES}.text.join()")
    page.locator("#axis-x").select_option("parameters")
    page.wait_for_function(f"{BASELINES}.visible === false")
    page.locator("#axis-x").select_option("val_r2")
    page.wait_for_function(f"{BASELINES}.visible === true")
    found = page.evaluate(f"{BASELINES}.x")
    assert found == pytest.approx([entry.validation_r2 for entry in bar.values()])


def test_a_click_on_a_baseline_selects_no_trial(watch, real):
    page = watch(real).draw_all()
    page.locator('[data-figure="front"]').scroll_into_view_if_needed()
    point = page.evaluate(
        "(() => { const node = document.querySelector('[data-figure=front]');"
        f"const trace = {BASELINES}; const shown = node._fullLayout;"
        "const box = node.querySelector('.nsewdrag').getBoundingClientRect();"
        "return [box.x + shown.xaxis.d2p(trace.x[0]), box.y + shown.yaxis.d2p(trace.y[0])]; })()"
    )
    page.mouse.move(*point)
    page.locator(".hoverlayer", has_text="baseline ").first.wait_for()
    page.mouse.click(*point)
    assert page.locator("#selected-body").is_hidden()


def test_the_verdict_stands_first(watch, real):
    page = watch(real).page
    first = page.locator("main p").first.inner_text()
    assert first == verdict_line(load(real.parent).results)


def test_the_colours_follow_the_reader(watch, real):
    page = watch(real, color_scheme="light").draw_all()
    ink = "document.querySelector('[data-figure=front]')._fullLayout.font.color"
    light = page.evaluate(ink)
    page.locator("#theme").select_option("dark")
    page.wait_for_function(f"{ink} !== {json.dumps(light)}")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 29)"


def test_names_of_any_kind_are_text(watch, real):
    page = watch(real).draw_all()
    assert page.locator("img").count() == 0
    inputs = page.locator("#ran dd").all_inner_texts()
    assert any(f"{UNUSUAL}, {SCRIPT}" in text for text in inputs)
    label = page.locator('[data-figure="forecasts"] .ytitle').first.text_content()
    assert label == UNUSUAL


def test_a_record_that_another_wrote_is_text_too(watch, tmp_path):
    def rename(document):
        for entry in document["trials"]:
            entry["reason"] = UNUSUAL
            entry["params"] |= {UNUSUAL: SCRIPT, "optimizer": UNUSUAL}
        document["study"]["target"] = SCRIPT

    made = rewritten(make_run(tmp_path, EVERY_STATE, name=SCRIPT), rename)
    page = watch(made.write_report()).draw_all()
    assert page.locator("h1").inner_text() == SCRIPT
    assert page.title().startswith(SCRIPT)
    page.locator("#trial").select_option("0")
    assert UNUSUAL in page.locator("#selected-state").inner_text()
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_stands_in_the_way_of_anyone(watch, real, scheme):
    page = watch(real, color_scheme=scheme).draw_all()
    page.locator("#front button[data-trial]").first.click()
    found = Axe().run(page).response["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert serious == [], [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in serious]


def test_it_prints_whole_and_in_light(watch, real):
    page = watch(real, color_scheme="dark").page
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function("document.querySelectorAll('.plot[data-figure] .main-svg').length > 14")
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.locator("#theme").is_hidden()
    assert len(page.pdf()) > 50_000


@pytest.mark.parametrize(
    ("states", "objectives"),
    [
        ([], 2),
        (["complete"], 2),
        (["complete"] * 2, 1),
        (["failed"] * 4, 2),
        (EVERY_STATE, 1),
        (EVERY_STATE, 3),
    ],
    ids=["none", "one", "two", "all failed", "one objective", "three objectives"],
)
def test_a_study_that_is_not_finished_says_so_and_draws_what_there_is(
    watch, tmp_path, states, objectives
):
    names = ["val_loss", "latency_ms", "val_r2"][:objectives]
    report = make_run(tmp_path, states, names).write_report()
    page = watch(report).draw_all()
    assert "This study is not finished" in page.locator("#verdict").inner_text()
    assert page.locator("#trial option").count() == len(states) + 1
    assert page.locator(".plot.drawn .main-svg").count()


def test_two_thousand_trials_are_written_soon_and_answer_a_click(watch, tmp_path):
    states = ["complete", "pruned", "pruned", "complete", "failed"] * 400
    made = make_run(tmp_path, states, epochs=40)
    report = made.write_report()
    assert report.stat().st_size <= 6_000_000
    page = watch(report).draw_all()
    page.locator("#trial").select_option("1999")
    assert page.locator("#selected-title").inner_text() == "Trial 1999"


def test_a_report_needs_nothing_but_itself(real):
    page = real.read_text()
    assert "Content-Security-Policy" in page
    assert real.stat().st_size <= 6_000_000


def test_a_password_of_a_storage_is_not_on_the_page(tmp_path):
    made = make_run(tmp_path, ["complete"])
    url = "postgresql+psycopg://me:s3cret@host:5432/studies"
    made.folder.study_file.write_text(f'name = "made"\nstorage = "{url}"\n')
    page = made.write_report().read_text()
    assert "s3cret" not in page
    assert "postgresql+psycopg://me:***@host:5432/studies" in page


def test_the_page_is_the_same_every_time(real):
    assert render(load(real.parent)) == render(load(real.parent))
