"""What one forecast costs, per architecture and device, measured once and kept."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
import torch

from lstmopt.data.input_columns import Columns
from lstmopt.networks.families import Families, installed_families
from lstmopt.networks.forecast_network import ForecastNetwork
from lstmopt.objectives import ForecastCost
from lstmopt.plugin.registry import OWN
from lstmopt.search_space import Architecture
from lstmopt.system.atomic_write import write_whole
from lstmopt.system.host import processor
from lstmopt.training.trainer import one_thread


@dataclass(frozen=True)
class Setting:
    """Everything beside the architecture that changes a forecast's cost.

    ``families`` build the networks; those that are installed without it.
    """

    columns: Columns
    device: str
    batch: int = 1
    families: Families | None = field(default=None, compare=False, repr=False)

    def build(self, architecture: Architecture) -> ForecastNetwork:
        """Build a network, in eval mode."""
        families = self.families or installed_families()
        return families.build(architecture.params, self.columns).to(self.device).eval()


@dataclass(frozen=True)
class Latency:
    """Milliseconds a forecast: median and interquartile range over ``repeats``."""

    median_ms: float
    spread_ms: float
    repeats: int


def forecast_costs(
    architectures: Iterable[Architecture],
    setting: Setting,
    cache: Path | None = None,
    measured: Callable[[Architecture, Latency], None] = lambda *_: None,
) -> dict[Architecture, ForecastCost]:
    """Return the cost of each architecture, measuring those that the cache lacks.

    ``cache`` is a JSON file, the user's own by default; ``measured`` is told of each new figure.
    """
    path = cache or default_cache()
    kept = _read_cache(path)
    costs = {}
    for architecture in architectures:
        key = _key(architecture, setting)
        if key not in kept:
            latency = measure(architecture, setting)
            kept[key] = asdict(latency)
            _write_cache(path, kept)
            measured(architecture, latency)
        costs[architecture] = _cost(architecture, Latency(**kept[key]), setting)
    return costs


def _cost(architecture: Architecture, latency: Latency, setting: Setting) -> ForecastCost:
    families, columns = setting.families or installed_families(), setting.columns
    return ForecastCost(
        architecture,
        latency.median_ms,
        latency.spread_ms,
        families.count_parameters(architecture, columns),
        columns.features,
        families.window(architecture.params, columns),
        columns.horizon,
    )


_WARM_UP, _FEWEST, _SECONDS, _NARROW = 10, 50, 0.4, 0.02
_QUIET = 0.15
"""The interquartile range is at most this share of the median where nothing else runs."""
_SERIES = 4
"""How often a forecast is timed anew at most, where something else seems to run."""


def measure(architecture: Architecture, setting: Setting) -> Latency:
    """Time forecasts one by one until the median is known well; see `time_calls`."""
    model, columns = setting.build(architecture), setting.columns
    rows = model.window  # what is served reads no more
    inputs = torch.zeros(setting.batch, rows, columns.features, device=setting.device)
    forecast = model.forecast_quantiles if model.quantile_head else model
    return time_calls(lambda: forecast(inputs), setting.device)


def time_calls(forecast: Callable[[], object], device: str) -> Latency:
    """Time a forecast again and again until the median is known well.

    Eval mode, one CPU thread, after a warm-up. A series of calls ends when the interquartile range
    divided by the square root of the repeats is below 2 % of the median, or after 0.4 s, with at
    least 50 repeats. Other work only ever adds to a time: where the range is above 15 % of the
    median, another series is timed, up to four in all, and the lowest median counts.

    Args:
        forecast: What is timed.
        device: Where it runs.

    Returns:
        The latency.
    """
    found: list[Latency] = []
    with torch.inference_mode(), one_thread():
        for _ in range(_SERIES):
            for _ in range(_WARM_UP):
                forecast()
            _synchronize(device)
            found.append(_time_series(forecast, device))
            if found[-1].spread_ms <= _QUIET * found[-1].median_ms:
                break
    return min(found, key=lambda latency: latency.median_ms)


def _time_series(forecast: Callable[[], object], device: str) -> Latency:
    times: list[float] = []
    begin = time.perf_counter()
    while True:
        start = time.perf_counter()
        forecast()
        _synchronize(device)
        times.append((time.perf_counter() - start) * 1000)
        if len(times) % _FEWEST:
            continue
        latency = _summarise(times)
        narrow = latency.spread_ms / len(times) ** 0.5 < _NARROW * latency.median_ms
        if (narrow and len(times) >= 2 * _FEWEST) or time.perf_counter() - begin > _SECONDS:
            return latency


def _synchronize(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def _summarise(times: list[float]) -> Latency:
    low, median, high = statistics.quantiles(times, n=4)
    return Latency(median, high - low, len(times))


def default_cache() -> Path:
    """Return the user's cache file; LSTMOPT_CACHE_DIR names another folder."""
    folder = os.environ.get("LSTMOPT_CACHE_DIR") or platformdirs.user_cache_dir("lstmopt")
    return Path(folder) / "latency.json"


def _key(architecture: Architecture, setting: Setting) -> str:
    machine = (
        torch.cuda.get_device_name(setting.device)
        if setting.device.startswith("cuda")
        else processor()
    )
    about = [architecture.values, asdict(setting.columns), setting.device, setting.batch]
    parts = [about, torch.__version__, machine, *_code_of(architecture, setting)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def _code_of(architecture: Architecture, setting: Setting) -> list[str]:
    """Return what tells a plug-in's family from another of its name, and from what it was before.

    Nothing for a built-in one, and for one that is linear alone.
    """
    family = (setting.families or installed_families()).family(architecture.params)
    if family.package in ("", OWN) or family.build is None:
        return []
    brought = Path(family.package)
    try:
        # what was packed by value no longer knows its file
        source = brought if brought.is_file() else inspect.getsourcefile(family.build)
        content = Path(source).read_bytes() if source else b""
    except (TypeError, OSError):  # made by no function, or its file is not here
        content = b""
    return [family.package, hashlib.sha256(content).hexdigest()]


def _read_cache(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))
        return content
    except (OSError, ValueError):
        return {}  # a cache that cannot be read is measured again


def _write_cache(path: Path, content: dict[str, dict[str, Any]]) -> None:
    write_whole(path, json.dumps(content))
