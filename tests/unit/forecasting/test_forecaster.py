"""A model reads later tables as it read the first one, and forecasts what comes after them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lstmopt.data.layout import Spans
from lstmopt.data.options import DataOptions
from lstmopt.data.raw_table import Source
from lstmopt.data.read_series import read_series
from lstmopt.data.scaling import fit_scaling
from lstmopt.data.split import input_columns
from lstmopt.data.windows import Shape
from lstmopt.errors import LstmoptError
from lstmopt.forecasting.forecaster import Forecaster
from lstmopt.forecasting.members import Mean, NetworkMember
from lstmopt.networks.families import installed_families
from support.architectures import lstm
from support.parts import wave

SHAPE = Shape(12, 2)


def model_of(source: Source, **options: object) -> Forecaster:
    """Return an untrained model of a table, which is enough to see what it reads."""
    series = read_series(source, DataOptions(target="load", **options))
    known = len(series.known) * SHAPE.horizon
    features = len(series.past) + len(series.calendar) + known
    torch.manual_seed(0)
    columns = input_columns(series, SHAPE)
    network = installed_families().build(lstm(4).params, columns)
    return Forecaster(
        Mean.of(NetworkMember(network.state_dict(), lstm(4))),
        features,
        SHAPE,
        fit_scaling(series, Spans.one((0, len(series.times)))),
        series.step,
        series.calendar,
        series.reading,
    )


def days(rows: int = 400) -> pd.DataFrame:
    table = wave(rows)
    return table.assign(time=pd.date_range("2020-01-01", periods=rows, freq="D"))


def test_a_saved_model_is_the_same_model(tmp_path, table):
    model = model_of(table.assign(sky=np.resize(["a", "b", "c"], 400)))
    model.save(tmp_path / "m.pth")
    loaded = Forecaster.load(tmp_path / "m.pth")
    assert loaded.data == model.data
    later = table.assign(sky="b")[-30:]
    pd.testing.assert_frame_equal(loaded.predict(later), model.predict(later))


def test_the_order_of_day_and_month_is_remembered(tmp_path):
    times = pd.date_range("2023-04-20", periods=408, freq="h").strftime("%m/%d/%Y %H:%M")
    table = wave(408).assign(time=times)
    last_day = table[-24:]  # 05/06 fits in either order
    forecast = model_of(table).predict(last_day)
    assert forecast["time"][0] == pd.Timestamp("2023-05-07")


@pytest.mark.parametrize("kind", ["ascending", "descending", "shuffled", "two ends"])
def test_the_end_of_a_long_file_gives_the_forecast_of_all_of_it(tmp_path, kind):
    table = wave(20_000)
    rows = {
        "ascending": np.arange(20_000),
        "descending": np.arange(20_000)[::-1],
        "shuffled": np.random.default_rng(0).permutation(20_000),
        "two ends": np.r_[10_000:20_000, 0:10_000],
    }[kind]
    table.iloc[rows].to_csv(tmp_path / "a.csv", index=False)
    model = model_of(wave(400))
    assert len(model.read(tmp_path / "a.csv").times) < 20_002 or kind != "ascending"
    pd.testing.assert_frame_equal(
        model.predict(tmp_path / "a.csv"), model.predict(table), check_dtype=False, rtol=1e-4
    )


def test_a_long_file_whose_target_ended_early_is_read_whole(tmp_path):
    table = wave(20_000)
    table.loc[9_000:, "load"] = np.nan
    table.to_csv(tmp_path / "a.csv", index=False)
    forecast = model_of(wave(400)).predict(tmp_path / "a.csv")
    assert forecast["time"].tolist() == table["time"][9_000:9_002].tolist()


def test_an_extra_column_never_becomes_the_time(table):
    model = model_of(table.rename(columns={"time": "when"}))
    later = table.rename(columns={"time": "when"}).assign(date="2001-01-01", note="x")
    assert model.predict(later)["time"][0] == pd.Timestamp("2024-01-17 16:00")


def test_a_word_in_an_input_of_a_later_table_is_missing_and_said(table):
    model = model_of(table)
    later = table[-40:].assign(wind=table["wind"].astype(object))
    later.loc[380, "wind"] = "ice"
    assert any("'ice'" in notice for notice in model.read(later).notices)
    assert len(model.predict(later)) == 2


def test_a_frame_with_its_times_as_index_is_read(table):
    model = model_of(table)
    indexed = model.predict(table.set_index("time"))
    pd.testing.assert_frame_equal(indexed, model.predict(table))


def test_forecasts_fall_on_business_days():
    times = pd.bdate_range("2022-01-03", periods=400)
    model = model_of(wave(400).assign(time=times))
    friday = wave(20).assign(time=times[:20])
    assert friday["time"].iloc[-1].day_name() == "Friday"
    assert model.predict(friday)["time"].dt.day_name().tolist() == ["Monday", "Tuesday"]
    week = wave(15).assign(time=times[:15])  # which would be days for anyone else
    assert model.predict(week)["time"][0] == times[15]


def test_forecasts_keep_the_zone(table):
    zoned = table.assign(time=table["time"].dt.tz_localize("Europe/Berlin"))
    forecast = model_of(zoned).predict(zoned)
    assert forecast["time"][0] == pd.Timestamp("2024-01-17 16:00", tz="Europe/Berlin")


def test_another_step_is_one_sentence(table):
    with pytest.raises(LstmoptError, match="its own step, h, found D"):
        model_of(table).predict(days())
    with pytest.raises(LstmoptError, match="its own step, D, found h"):
        model_of(days()).predict(table)
    with pytest.raises(LstmoptError, match="its own step, h, found 2h"):
        model_of(table).predict(table[::2])


def test_the_future_may_come_in_a_table_or_as_values(tmp_path):
    ahead = wave(402).rename(columns={"wind": "promo"})
    known = ahead[:400].copy()
    model = model_of(known, known=("promo",))
    ahead.loc[400:, ["load", "promo"]] = np.nan, 0.5
    expected = model.predict(ahead)
    pd.testing.assert_frame_equal(model.predict(known, {"promo": 0.5}), expected)
    table_ahead = ahead[["time", "promo"]][398:]
    pd.testing.assert_frame_equal(model.predict(known, table_ahead), expected)
    table_ahead.to_csv(tmp_path / "future.csv", index=False)
    pd.testing.assert_frame_equal(model.predict(known, tmp_path / "future.csv"), expected)


def test_categories_known_in_advance_may_be_given_by_name():
    kinds = np.resize(["plain", "sale", "clearance"], 400)
    ahead = wave(402).assign(kind=[*kinds, "sale", "sale"])
    known = ahead[:400].copy()
    model = model_of(known, known=("kind",))
    ahead.loc[400:, "load"] = np.nan
    pd.testing.assert_frame_equal(model.predict(known, {"kind": "sale"}), model.predict(ahead))


@pytest.mark.parametrize(
    ("future", "words"),
    [
        (None, "missing values, of promo in advance"),
        ({"prom": 1.0}, "did you mean 'promo'"),
        (pd.DataFrame({"time": ["2024-01-17 16:00"], "promo": [1.0]}), "of promo in advance"),
        (pd.DataFrame({"time": ["2024-01-17 16:00"], "x": [1.0]}), r"\(promo\), found time, x"),
    ],
)
def test_a_future_that_is_not_known_is_one_sentence(table, future, words):
    known = table.rename(columns={"wind": "promo"})
    with pytest.raises(LstmoptError, match=words):
        model_of(known, known=("promo",)).predict(known, future)


def test_holidays_of_rows_to_come_are_derived():
    table = days(365).drop(columns="wind")  # 2020-12-30 is the last
    model = model_of(table, holidays="US")
    assert model.data.known == ("holiday", "workingday")
    series = model.read(table[:359])  # up to 2020-12-24
    assert series.times[-2:].strftime("%m-%d").tolist() == ["12-25", "12-26"]
    assert series.known_values[-2:].tolist() == [[1, 0], [0, 0]]
    own = table.assign(holiday=0.0, workingday=1.0)
    own.loc[::7, "holiday"] = 1.0
    own.loc[::7, "workingday"] = 0.0
    kept = model_of(own, known=("holiday", "workingday"), holidays="US").read(own[:359])
    assert kept.known_values[:359, 0].tolist() == own["holiday"][:359].tolist()
    assert kept.known_values[-2:].tolist() == [[1, 0], [0, 0]]


def test_an_unknown_country_is_one_sentence():
    for country, words in (("XX", "a country"), ("US-QQ", "a country")):
        with pytest.raises(LstmoptError, match=words):
            model_of(days(), holidays=country)


def test_a_look_back_is_what_was_forecast_from_there(table):
    model = model_of(table)
    back = model.look_back(model.read(table), 5)
    assert back.columns.tolist() == ["origin", "lead", "time", "truth", "load"]
    for origin, rows in back.groupby("origin"):
        earlier = table[table["time"] <= origin]
        expected = model.predict(earlier)
        np.testing.assert_allclose(rows["load"], expected["load"], rtol=1e-5)
        assert rows["time"].tolist() == expected["time"].tolist()
        truth = table.set_index("time")["load"][rows["time"]]
        np.testing.assert_allclose(rows["truth"], truth)
    assert back["origin"].nunique() == 5


def test_a_look_back_of_a_short_table_is_one_sentence(table):
    model = model_of(table)
    with pytest.raises(LstmoptError, match="9 forecasts asked for and 7 possible"):
        model.look_back(model.read(table[:20]), 9)
    assert len(model.look_back(model.read(table[:20]), 7)) == 14


def test_paths_may_be_text(table, tmp_path: Path):
    table.to_csv(tmp_path / "a.csv", index=False)
    model = model_of(str(tmp_path / "a.csv"))
    model.save(str(tmp_path / "m.pth"))
    assert len(Forecaster.load(str(tmp_path / "m.pth")).predict(str(tmp_path / "a.csv"))) == 2
