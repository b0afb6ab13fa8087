"""A real Dask scheduler and real workers, which are killed, restarted and cut off."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from lstmopt import load, run
from lstmopt.cli.main import cli
from lstmopt.config.study_file import replace
from lstmopt.errors import LstmoptError, MachineError
from lstmopt.execution import dask_cluster as cluster_module
from lstmopt.execution.dask_cluster import open_cluster
from lstmopt.execution.dask_local import worker_options
from lstmopt.execution.engine import WorkerLost
from lstmopt.execution.open_engine import open_engine
from lstmopt.search.observer import Observer
from lstmopt.search_space import Candidate
from support.parts import stored_parts, wave
from support.processes import started
from support.real_cluster import Proxy, real_cluster, wait_until
from support.studies import config_of, fixed_list, losses

pytestmark = pytest.mark.dask


class Notes(Observer):
    """Keeps what a user would read; ``after`` is called at each piece of news of a trial."""

    def __init__(self, after=lambda number, epochs: None) -> None:
        self.notices, self._after = [], after

    def notice(self, text):
        self.notices.append(text)

    def advanced(self, number, epochs):
        self._after(number, epochs)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The same study by this process alone."""
    folder = tmp_path_factory.mktemp("alone")
    wave().to_csv(folder / "wave.csv", index=False)
    return folder / "wave.csv", losses(run(fixed_list(folder / "wave.csv"), folder / "run"))


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    with real_cluster(tmp_path_factory.mktemp("cluster"), 3) as cluster:
        yield cluster


def test_a_study_on_a_cluster_is_the_study_of_one_process(alone, three, tmp_path):
    csv, expected = alone
    document = run(fixed_list(csv, three.url, workers=0), tmp_path / "run")
    assert losses(document) == expected
    assert document["study"]["engine"] == three.url
    assert document["chosen"]["test"]


def test_data_travel_once_a_worker_and_to_one_that_joins_late(three, tmp_path):
    candidate = Candidate({"hidden_size": 4, "batch_size": 16, "learning_rate": 0.01}, 0)
    config = config_of(tmp_path / "none.csv", engine={"url": three.url}, workers=0)
    parts = stored_parts(tmp_path)

    def train_everywhere(engine):
        for future in [engine.submit(candidate, None, 1) for _ in range(2 * engine.workers)]:
            assert future.result(60).epochs
        return engine.sent

    with open_engine(config, parts, "cpu", 1, None, print) as engine:
        wait_until(lambda: train_everywhere(engine) == 3)
        late = three.start_worker()
        wait_until(lambda: engine.workers == 4)
        wait_until(lambda: train_everywhere(engine) == 4)
        for _ in range(5):
            assert train_everywhere(engine) == 4
        late.kill()
        late.wait()
        wait_until(lambda: engine.workers == 3)
        assert train_everywhere(engine) == 4


def test_forecasts_are_timed_on_the_worker_that_is_named_and_the_study_keeps_it(
    alone, three, tmp_path
):
    csv, _ = alone
    engine = {"url": three.url, "latency_on": "w1"}
    trials = {"budget": {"trials": 2}}
    document = run(fixed_list(csv, engine=engine, workers=0, **trials), tmp_path / "run")
    assert document["study"]["latency_on"] == "worker w1, cpu"
    kept = document["architectures"]
    (cache,) = three.folder.glob("worker-*/latency.json")  # w1's own cache, and no other's
    assert cache.parent.name == "worker-1"
    notes = Notes()
    again = run(fixed_list(csv), tmp_path / "run", observer=notes)
    assert again["architectures"] == kept
    assert again["study"]["latency_on"] == "worker w1, cpu"
    assert "latencies are those of worker w1, cpu" in notes.notices


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--engine", "tcp://127.0.0.1:1"], "found tcp://127.0.0.1:1 silent"),
        (["--engine", "https://127.0.0.1"], "engine.url is a Dask scheduler's"),
        (["--engine", "tcp://127.0.0.1"], "engine.url is a Dask scheduler's"),
        (["--engine", "{url}", "--device", "cuda:1"], "device is cuda on a cluster"),
        (["--engine", "{url}", "--device", "cuda"], "no worker of {url} offers it (no resources)"),
        (["--engine", "{url}", "--latency-on", "w9"], "known are w0, w1, w2"),
        (["--latency-on", "w0"], "engine.latency_on needs a cluster"),
    ],
)
def test_what_no_worker_can_do_is_refused_at_the_start(alone, three, tmp_path, options, words):
    csv, _ = alone
    arguments = ["run", "--data", str(csv), "--target", "load", "--out", str(tmp_path / "run")]
    told = [option.format(url=three.url) for option in options]
    result = CliRunner().invoke(cli, [*arguments, *told])
    assert isinstance(result.exception, LstmoptError)
    assert words.format(url=three.url) in str(result.exception)
    assert not (tmp_path / "run" / "journal.log").exists()


OTHER_TORCH = """
import importlib.metadata as metadata
known = metadata.distribution
def version(name):
    return "2.0.1" if name == "torch" else known(name).version
metadata.version = version
"""
NO_LSTMOPT = """
import importlib.metadata as metadata, sys
known = metadata.distribution
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("lstmopt"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
def version(name):
    if name == "lstmopt":
        raise metadata.PackageNotFoundError(name)
    return known(name).version
sys.meta_path.insert(0, Finder())
metadata.version = version
"""


@pytest.mark.parametrize(
    ("preload", "words"),
    [
        (OTHER_TORCH, "found torch 2.0.1 on "),
        (NO_LSTMOPT, "found lstmopt missing on "),
    ],
)
def test_workers_with_other_versions_are_refused_by_name(alone, tmp_path, preload, words):
    csv, _ = alone
    with real_cluster(tmp_path / "cluster") as cluster:
        cluster.start_worker(preload=preload)
        with pytest.raises(MachineError, match=words + ".* where the driver has [02]"):
            run(fixed_list(csv, cluster.url, workers=0), tmp_path / "run")
        assert cluster.workers[0].poll() is None  # it goes on serving others
    assert not (tmp_path / "run" / "journal.log").exists()


def test_a_scheduler_without_lstmopt_is_refused(alone, tmp_path):
    csv, _ = alone
    with real_cluster(tmp_path / "cluster") as cluster:
        cluster.kill_scheduler()
        cluster.start_scheduler(preload=NO_LSTMOPT)
        cluster.start_worker()
        with pytest.raises(MachineError, match="found lstmopt missing on the scheduler"):
            run(fixed_list(csv, cluster.url, workers=0), tmp_path / "run")
    assert not (tmp_path / "run" / "journal.log").exists()


def test_a_scheduler_that_accepts_and_says_nothing_is_refused_in_time(monkeypatch):
    monkeypatch.setattr(cluster_module, "_CONNECT", 0.5)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(LstmoptError, match="no answer within 1 s"),
    ):
        open_cluster(f"tcp://127.0.0.1:{silent.getsockname()[1]}", 0, None, 5, print).__enter__()


def test_the_first_ctrl_c_ends_the_wait_for_a_cluster_that_is_away(alone, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_module, "BEAT", 0.2)
    csv, _ = alone
    with real_cluster(tmp_path / "cluster", 1) as cluster:

        def kill(number, epochs):
            if number == 2:
                cluster.kill_scheduler()

        def notice(text):
            if "does not answer" in text:
                os.kill(os.getpid(), signal.SIGINT)

        notes = Notes(kill)
        notes.notice = notice
        with pytest.raises(KeyboardInterrupt):
            run(fixed_list(csv, cluster.url, workers=1), tmp_path / "run", observer=notes)
    assert len(load(tmp_path / "run").document["trials"]) >= 2


def test_a_worker_with_other_versions_that_joins_late_ends_the_study(alone, tmp_path):
    csv, _ = alone
    with real_cluster(tmp_path / "cluster", 1) as cluster:
        joined = []

        def join(number, epochs):
            if not joined:
                joined.append(cluster.start_worker(preload=OTHER_TORCH))
                wait_until(lambda: "Registered to" in _output(cluster, 1))

        config = fixed_list(csv, cluster.url, workers=2, training={"epochs": 60, "patience": 60})
        with pytest.raises(MachineError, match=r"found torch 2\.0\.1"):
            run(config, tmp_path / "run", observer=Notes(join))
        joined[0].kill()
        document = run(config, tmp_path / "run")
    assert [trial["state"] for trial in document["trials"]] == ["complete"] * 6


def _output(cluster, number):
    return (cluster.folder / f"worker-{number}" / "output.txt").read_text()


def test_a_cluster_without_workers_is_waited_for_and_then_refused(alone, tmp_path):
    csv, expected = alone
    with real_cluster(tmp_path / "cluster") as cluster:
        engine = {"url": cluster.url, "wait": "1s"}
        with pytest.raises(MachineError, match="found none free at"):
            run(fixed_list(csv, engine=engine, workers=0), tmp_path / "run")
        notes = Notes()
        threading.Timer(1, cluster.start_worker).start()
        document = run(fixed_list(csv, cluster.url, workers=0), tmp_path / "run", observer=notes)
    assert any("has no workers yet" in notice for notice in notes.notices)
    assert losses(document) == expected


def test_a_killed_worker_costs_nothing(alone, tmp_path):
    csv, expected = alone
    with real_cluster(tmp_path / "cluster", 3) as cluster:
        doomed = list(cluster.workers[:2])

        def kill(number, epochs):
            if doomed:
                doomed.pop().kill()

        config = fixed_list(csv, cluster.url, workers=0)
        document = run(config, tmp_path / "run", observer=Notes(kill))
    assert losses(document) == expected
    assert {trial["state"] for trial in document["trials"]} == {"complete"}


def test_a_candidate_that_kills_its_workers_has_failed(tmp_path):
    with open_cluster("dask", 1, None, 60, print) as cluster:
        error = cluster.submit(os._exit, 9).exception(60)
    assert isinstance(error, WorkerLost)
    assert error.deaths == 1


def test_a_restarted_scheduler_is_waited_for_and_the_study_goes_on(alone, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_module, "BEAT", 0.2)
    csv, expected = alone
    with real_cluster(tmp_path / "cluster", 2) as cluster:
        killed = []

        def kill(number, epochs):
            if not killed:
                killed.append(time.monotonic())
                cluster.kill_scheduler()
                for worker in cluster.workers:  # they leave with their scheduler
                    worker.wait()
                threading.Thread(target=restart).start()

        def restart():
            cluster.start_scheduler()
            cluster.start_worker()

        notes = Notes(kill)
        document = run(fixed_list(csv, cluster.url, workers=2), tmp_path / "run", observer=notes)
    assert any("its worker went away" in notice for notice in notes.notices)
    assert losses(document) == expected


def test_a_cluster_that_stays_away_ends_the_study_with_everything_finished_kept(
    alone, tmp_path, monkeypatch
):
    monkeypatch.setattr(cluster_module, "BEAT", 0.2)
    monkeypatch.setattr(cluster_module, "_CONNECT", 1.0)
    csv, expected = alone
    with real_cluster(tmp_path / "cluster", 1) as cluster:

        def kill(number, epochs):
            if number == 3:
                cluster.kill_scheduler()

        wait_until(lambda: "Registered to" in _output(cluster, 0))
        engine = {"url": cluster.url, "wait": "2s"}
        with pytest.raises(MachineError, match="may be away for 2 s"):
            run(fixed_list(csv, engine=engine, workers=1), tmp_path / "run", observer=Notes(kill))
    before = losses(load(tmp_path / "run").document)
    assert len(before) >= 3
    again = losses(run(fixed_list(csv), tmp_path / "run"))
    assert again == expected
    assert before.items() <= again.items()


def test_a_network_that_swallows_everything_is_noticed_and_the_study_goes_on(
    alone, tmp_path, monkeypatch
):
    monkeypatch.setattr(cluster_module, "BEAT", 0.2)
    monkeypatch.setattr(cluster_module, "SILENCE", 1.0)
    csv, expected = alone
    with real_cluster(tmp_path / "cluster", 2) as cluster:
        proxy = Proxy(cluster.port)
        cut = []

        def cut_off(number, epochs):
            if not cut:
                cut.append(number)
                proxy.forwards = False

        def notice(text):
            notes.notices.append(text)
            if "does not answer" in text:
                proxy.forwards = True

        notes = Notes(cut_off)
        notes.notice = notice
        document = run(fixed_list(csv, proxy.url, workers=2), tmp_path / "run", observer=notes)
        proxy.close()
    assert any("does not answer" in notice for notice in notes.notices)
    assert losses(document) == expected


def test_a_killed_driver_goes_on_from_its_checkpoints(alone, three, tmp_path):
    csv, _ = alone
    config = fixed_list(csv, three.url, workers=0, training={"epochs": 30, "patience": 30})
    here = replace(config, engine=replace(config.engine, url=""))
    undisturbed = losses(run(here, tmp_path / "a"))
    code = (
        "import sys; from pathlib import Path; from lstmopt import read_config, run;"
        "run(read_config(Path(sys.argv[1])), Path(sys.argv[2]))"
    )
    study, out = tmp_path / "a" / "study.toml", tmp_path / "b"
    text = study.read_text().replace('url = ""', f'url = "{three.url}"')
    (tmp_path / "study.toml").write_text(text)
    command = [sys.executable, "-c", code, str(tmp_path / "study.toml"), str(out)]
    with started(command):
        wait_until(lambda: [*out.glob("checkpoints/*/*.pt")])
    assert subprocess.run(command).returncode == 0
    assert losses(load(out).document) == undisturbed


def test_one_worker_a_share_of_a_gpu_and_each_sees_one_gpu():
    options = worker_options(0, 0.5, ["0", "GPU-7"])
    assert [o["env"]["CUDA_VISIBLE_DEVICES"] for o in options] == ["0", "GPU-7", "0", "GPU-7"]
    assert {o["resources"]["GPU"] for o in options} == {0.5}
    assert len(worker_options(3, 0.5, ["0", "1"])) == 3
    with pytest.raises(LstmoptError, match="needs a GPU"):
        worker_options(0, 1.0, [])


def test_each_worker_of_a_cluster_of_this_machine_sees_one_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-7")
    with open_cluster("dask", 0, 1.0, 60, print) as cluster:
        wait_until(lambda: cluster.workers == 2)
        seen = [cluster.submit(os.getenv, "CUDA_VISIBLE_DEVICES") for _ in range(8)]
        assert {future.result(60) for future in seen} == {"3", "GPU-7"}


def test_a_candidate_waits_for_a_worker_that_offers_its_share_of_a_gpu(tmp_path):
    with real_cluster(tmp_path) as cluster:
        cluster.start_worker()
        cluster.start_worker("--resources", "GPU=0.5")
        with open_cluster(cluster.url, 0, 0.5, 60, print) as found:
            assert found.workers == 1
            places = {found.submit(os.getcwd).result(60) for _ in range(6)}
            assert {Path(place).name for place in places} == {"worker-1"}
        with pytest.raises(LstmoptError, match=r"asks for GPU: 1, .* offers it \(GPU\)"):
            open_cluster(cluster.url, 0, 1.0, 60, print).__enter__()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_worker_without_the_gpu_it_offers_is_said(tmp_path):
    candidate = Candidate({"hidden_size": 4, "batch_size": 16, "learning_rate": 0.01}, 0)
    with real_cluster(tmp_path / "cluster") as cluster:
        cluster.start_worker("--resources", "GPU=1")
        config = config_of("none.csv", engine={"url": cluster.url}, workers=0)
        with open_engine(config, stored_parts(tmp_path), "cuda", 1, None, print) as engine:
            error = engine.submit(candidate, None, 1).exception(60)
    assert "needs workers with a GPU that torch can use, found none on" in str(error)
