"""Any executor of a user's trains a study, as the processes of this machine do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from multiprocessing import get_context
from pathlib import Path

import pytest
from pebble import ProcessExpired

from lstmopt import load, run
from lstmopt.errors import LstmoptError, MachineError
from lstmopt.execution.engine import Engine, InProcess, WorkerLost
from lstmopt.execution.open_engine import capacity, open_engine
from lstmopt.execution.process_pool import LocalProcesses
from lstmopt.execution.remote_worker import result_of
from lstmopt.search_space import Candidate
from lstmopt.training.trainer import Progress
from support.parts import SMALL, stored_parts, wave
from support.real_cluster import real_cluster
from support.studies import config_of, fixed_list, losses
from support.worst_moments import die_in_the_middle_of_an_answer, die_while_it_holds_the_lock


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    wave().to_csv(folder / "wave.csv", index=False)
    return folder / "wave.csv", losses(run(fixed_list(folder / "wave.csv"), folder / "run"))


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_a_study_on_a_users_executor_is_the_study_of_one_process(alone, tmp_path, kind):
    csv, expected = alone
    pool = {
        "threads": lambda: ThreadPoolExecutor(3),
        "processes": lambda: ProcessPoolExecutor(2, mp_context=get_context("forkserver")),
    }[kind]()
    with pool as executor:
        document = run(fixed_list(csv, workers=0), tmp_path / "run", executor=executor)
        assert executor.submit(abs, -1).result() == 1  # it is left open
    assert losses(document) == expected
    assert document["study"]["engine"] == type(pool).__name__


@pytest.mark.dask
def test_a_study_on_dasks_own_executor_is_the_study_of_one_process(alone, tmp_path):
    from distributed import Client

    csv, expected = alone
    with (
        real_cluster(tmp_path / "cluster", 2) as cluster,
        Client(cluster.url, set_as_default=False) as client,
        client.get_executor(pure=False) as executor,
    ):
        document = run(fixed_list(csv, workers=2), tmp_path / "run", executor=executor)
    assert losses(document) == expected
    assert document["study"]["engine"] == "ClientExecutor"


def test_a_study_on_mpi_is_the_study_of_one_process(alone, tmp_path):
    pytest.importorskip("mpi4py")
    csv, expected = alone
    mpiexec = Path(sysconfig.get_path("scripts")) / "mpiexec"
    if not mpiexec.is_file():
        pytest.skip("mpiexec is not installed beside this Python")
    script = tmp_path / "study.py"
    script.write_text(
        "import sys; from pathlib import Path\n"
        "from mpi4py.futures import MPIPoolExecutor\n"
        "from lstmopt import read_config, run\n"
        "if __name__ == '__main__':\n"
        "    with MPIPoolExecutor() as executor:\n"
        "        run(read_config(Path('study.toml')), Path('run'), executor=executor)\n"
    )
    text = (csv.parent / "run" / "study.toml").read_text().replace("workers = 1", "workers = 0")
    (tmp_path / "study.toml").write_text(text)
    command = [str(mpiexec), "-n", "3", sys.executable, "-m", "mpi4py.futures", str(script)]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=300)
    document = load(tmp_path / "run").document
    assert losses(document) == expected
    assert document["study"]["engine"] == "MPIPoolExecutor"


def test_threads_of_one_process_take_turns_for_its_random_state_is_one(tmp_path):
    parts = stored_parts(tmp_path)
    config = config_of("none.csv", training={"epochs": 4, "patience": 4})
    candidates = [Candidate(SMALL, seed) for seed in range(6)]
    curves = []
    for executor in (InProcess(), ThreadPoolExecutor(6)):
        with executor, open_engine(config, parts, "cpu", 1, executor, print) as engine:
            begun = [engine.submit(candidate, None, 4) for candidate in candidates]
            curves.append([[e.val_loss for e in future.result(60).epochs] for future in begun])
    assert curves[0] == curves[1]


def test_data_travel_to_a_process_of_an_executor_not_with_every_task(tmp_path):
    config = config_of("none.csv", workers=2)
    pool = ProcessPoolExecutor(2, mp_context=get_context("forkserver"))
    with pool, open_engine(config, stored_parts(tmp_path), "cpu", 1, pool, print) as engine:
        for seed in range(24):
            engine.submit(Candidate(SMALL, seed), None, 1).result(60)
        # a task with data may meet a process that has them: no executor sends to one of its own
        assert 1 <= engine.sent <= 6


def test_an_executor_that_breaks_ends_the_study_with_everything_finished_kept(alone, tmp_path):
    csv, expected = alone

    class Breaking(ThreadPoolExecutor):
        tasks = 0

        def submit(self, *task):
            self.tasks += 1
            if self.tasks > 9:
                raise RuntimeError("the queue is closed")
            return super().submit(*task)

    with (
        Breaking(1) as executor,
        pytest.raises(MachineError, match=r"refuses them \(RuntimeError: the queue is closed\)"),
    ):
        run(fixed_list(csv, workers=0), tmp_path / "run", executor=executor)
    before = losses(load(tmp_path / "run").document)
    assert before
    assert losses(run(fixed_list(csv), tmp_path / "run")) == expected
    assert before.items() <= expected.items()


def test_data_that_are_gone_end_the_study_and_nobody_waits_for_ever(tmp_path):
    parts = stored_parts(tmp_path)
    with (
        ThreadPoolExecutor(2) as pool,
        open_engine(config_of("none.csv"), parts, "cpu", 1, pool, print) as engine,
    ):
        parts.unlink()
        for future in [engine.submit(Candidate(SMALL, seed), None, 1) for seed in range(3)]:
            with pytest.raises(MachineError, match=r"found them gone \(No such file"):
                future.result(60)


def test_an_executor_must_say_how_much_it_runs_at_once():
    assert capacity(ThreadPoolExecutor(5)) == 5
    with pytest.raises(LstmoptError, match="found Executor and workers = 0: set workers"):
        capacity(Executor())


def test_a_refit_whose_worker_goes_away_begins_again_and_gives_up_when_it_kills():
    def engine(*errors: Exception) -> Engine:
        left = list(errors)

        def call(*task: object) -> Progress:
            if left:
                raise left.pop(0)
            return Progress(b"", (), True)

        return Engine(InProcess(), 1, call)

    def finished(*errors: Exception) -> str | None:
        ((key, progress),) = engine(*errors).train_each([("key", Candidate({}, 0))], 1)
        assert key == "key"
        return progress.failure

    gone, died = WorkerLost("gone", 0), WorkerLost("died", 1)
    assert finished(gone, gone, gone, died) is None
    assert finished(died, gone, died) == "its worker died 2 times"
    assert finished(MemoryError("too much")) == "MemoryError: too much"
    with pytest.raises(MachineError):
        finished(MachineError("no"))


def test_an_error_of_a_task_can_always_be_sent_back():
    class Local(Exception):
        """Of a class that no other process can import."""

    def fail() -> None:
        raise Local("words")

    def lose() -> None:
        raise WorkerLost("it says more than it can be made from", 1)

    assert repr(result_of(fail).error) == "RuntimeError('Local: words')"
    assert "it says more" in repr(result_of(lose).error)
    assert result_of(json.loads, "1").result == 1
    assert result_of(os.stat, "none").error.__traceback__ is None


def test_an_engine_returns_futures():
    assert isinstance(Engine(InProcess(), 1, lambda *_: None).submit(None, None, 1), Future)


@pytest.mark.parametrize("die", [die_while_it_holds_the_lock, die_in_the_middle_of_an_answer])
def test_a_process_that_dies_at_the_worst_moment_takes_its_own_task_and_no_other(die):
    pool = LocalProcesses(2, int, ())
    try:
        others = [pool.submit(abs, -n) for n in range(3)]
        dies = pool.submit(die)
        others += [pool.submit(abs, -n) for n in range(3, 6)]
        with pytest.raises(ProcessExpired):
            dies.result(timeout=50)
        assert [other.result(timeout=50) for other in others] == [*range(6)]
    finally:
        pool.shutdown(cancel_futures=True)


def test_a_process_that_dies_while_it_is_idle_costs_no_task():
    pool = LocalProcesses(1, int, ())
    try:
        for _ in range(3):
            os.kill(pool.submit(os.getpid).result(timeout=50), signal.SIGKILL)
            assert pool.submit(abs, -1).result(timeout=50) == 1
    finally:
        pool.shutdown(cancel_futures=True)


def test_processes_end_what_was_submitted_unless_it_is_cancelled():
    pool = LocalProcesses(2, int, ())
    answers = [pool.submit(abs, -n) for n in range(9)]
    pool.shutdown()
    assert [answer.result(timeout=0) for answer in answers] == [*range(9)]
    with pytest.raises(RuntimeError):
        pool.submit(abs, -1)
    cancelled = LocalProcesses(1, int, ())
    answers = [cancelled.submit(time.sleep, 60) for _ in range(3)]
    cancelled.shutdown(cancel_futures=True)
    assert [answer.cancelled() for answer in answers] == [False, True, True]


def test_a_task_is_answered_where_no_process_can_be_started():
    class Broken:
        def schedule(self, *_, **__):
            raise BrokenExecutor("no process can be started")

        def stop(self): ...

        def join(self): ...

    pool = LocalProcesses(1, int, ())
    pool._start, pool._idle = Broken, [Broken()]
    for answer in [pool.submit(abs, -1), pool.submit(abs, -2)]:
        with pytest.raises(BrokenExecutor, match="no process can be started"):
            answer.result(timeout=5)
