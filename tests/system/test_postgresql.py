"""A study whose record is in a real PostgreSQL: everything that a journal does."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request

import optuna
import pytest
from click.testing import CliRunner

from lstmopt import load, run
from lstmopt.cli.main import cli
from lstmopt.errors import LstmoptError, MachineError, masked
from lstmopt.report.dashboard import serve
from lstmopt.search.observer import Observer
from lstmopt.storage.copy_study import copy_study
from lstmopt.storage.run_folder import RunFolder
from lstmopt.storage.study_store import open_storage
from lstmopt.system.study_lock import hold_study
from support.cluster_soak import soak
from support.parts import wave
from support.processes import started
from support.real_cluster import wait_until
from support.real_postgresql import PASSWORD, real_postgresql
from support.studies import config_of


@pytest.fixture(scope="module")
def server():
    with real_postgresql() as started:
        yield started


@pytest.fixture
def database(server, request):
    return server.create(request.node.name)


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "wave.csv"
    wave().to_csv(path, index=False)
    return path


def trials(document):
    """What every trial came to, without clocks: an event more is counted where a trial that was
    copied without its checkpoint is trained again.
    """
    told = ("number", "state", "params", "values", "reason", "epochs_trained")
    rows = []
    for trial in document["trials"]:
        curve = [[epoch["train_loss"], epoch["val_loss"]] for epoch in trial["curve"]]
        decisions = [decision | {"at": None} for decision in trial["decisions"]]
        rows.append([*(trial[name] for name in told), decisions, curve])
    return json.loads(json.dumps(rows))


class Interrupt(Observer):
    """Ends a run when so many trials are closed."""

    def __init__(self, after):
        self.left = after

    def told(self, record):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.postgres
def test_a_study_in_postgresql_is_the_study_in_a_journal_also_after_an_interruption(
    csv, database, tmp_path
):
    expected = trials(run(config_of(csv), tmp_path / "journal"))
    config = config_of(csv, storage=database)
    with pytest.raises(KeyboardInterrupt):
        run(config, tmp_path / "run", observer=Interrupt(2))
    assert len(load(tmp_path / "run").document["trials"]) == 2
    document = run(config, tmp_path / "run")
    assert trials(document) == expected
    assert not (tmp_path / "run" / "journal.log").exists()
    assert trials(load(tmp_path / "run").document) == expected
    assert PASSWORD not in (tmp_path / "run" / "optimization_results.json").read_text()


@pytest.mark.postgres
def test_a_second_driver_is_refused_by_the_first_ones_name_from_any_folder(csv, database, tmp_path):
    config = config_of(csv, storage=database)
    with (
        hold_study("wave", database),
        pytest.raises(LstmoptError, match=r"found process \d+ on \S+ since 20") as refused,
    ):
        run(config, tmp_path / "elsewhere")
    assert PASSWORD not in str(refused.value)
    assert run(config, tmp_path / "elsewhere")["chosen"]


@pytest.mark.postgres
def test_the_lock_goes_with_its_process_however_it_dies(database):
    code = (
        "import sys, time; from lstmopt.system.study_lock import hold_study\n"
        "with hold_study('s', sys.argv[1]): print('held', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", code, database]
    with started(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(LstmoptError, match=f"found process {process.pid} on"):
            hold_study("s", database).__enter__()
        with hold_study("another", database):
            pass
        process.kill()
        process.wait()

    def free():
        try:
            with hold_study("s", database):
                return True
        except LstmoptError:
            return False

    wait_until(free)


def test_a_sqlite_file_is_held_too(csv, tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    with (
        hold_study("wave", url),
        pytest.raises(LstmoptError, match=r"found process \d+ on \S+ since 20"),
    ):
        run(config_of(csv, storage=url), tmp_path / "run")
    with hold_study("another", url):
        assert run(config_of(csv, storage=url), tmp_path / "run")["chosen"]


@pytest.mark.postgres
def test_a_server_that_goes_away_is_one_sentence_and_the_same_command_goes_on(csv, tmp_path):
    with real_postgresql() as server:
        config = config_of(csv, storage=server.create("s"))

        class Stop(Observer):
            def advanced(self, number, epochs):
                if number == 2:
                    server.stop()

        with pytest.raises(MachineError, match="no longer takes it") as said:
            run(config, tmp_path / "run", observer=Stop())
        assert PASSWORD not in str(said.value)
        assert "\n" not in str(said.value)
        server.start()
        document = run(config, tmp_path / "run")
    assert trials(document) == trials(run(config_of(csv), tmp_path / "journal"))


def test_a_server_that_is_not_there_or_a_driver_that_is_not_installed_is_one_sentence(tmp_path):
    for url, words in (
        (f"postgresql+psycopg://me:{PASSWORD}@127.0.0.1:1/s", "refused"),
        (f"postgresql+pg8000://me:{PASSWORD}@127.0.0.1:1/s", r"lstmopt\[postgres\]"),
    ):
        with pytest.raises(LstmoptError, match=words) as refused:
            hold_study("s", url).__enter__()
        assert PASSWORD not in str(refused.value)


@pytest.mark.postgres
@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_a_study_goes_on_in_the_storage_it_was_copied_to(server, csv, tmp_path, sampler):
    options = {"name": sampler} | ({"population_size": 2} if sampler == "nsga2" else {})
    config = config_of(csv, sampler=options, budget={"trials": 9})
    expected = trials(run(config, tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        run(config, tmp_path / "a", observer=Interrupt(5))
    other = server.create(f"copied_{sampler}")
    # so that trials have other ids there
    storage = open_storage(other, RunFolder(tmp_path))
    optuna.create_study(storage=storage, study_name="other").ask()
    assert copy_study(str(tmp_path / "a"), other) == (
        len(load(tmp_path / "a").study.trials),
        f"study 'wave' in {other.replace(PASSWORD, '***')}",
    )
    copy_study(f"{other}#wave", f"sqlite:///{tmp_path}/s.db#renamed")
    copy_study(f"sqlite:///{tmp_path}/s.db", str(tmp_path / "b"))
    copy_study(str(tmp_path / "a"), str(tmp_path / "c"))
    with_database = config_of(csv, sampler=options, budget={"trials": 9}, storage=other)
    assert trials(run(with_database, tmp_path / "a")) == expected
    renamed = config_of(csv, sampler=options, budget={"trials": 9}, name="renamed")
    assert trials(run(renamed, tmp_path / "b")) == expected
    assert trials(run(config, tmp_path / "c")) == expected


@pytest.mark.postgres
def test_a_copy_is_refused_where_there_is_nothing_or_something(server, csv, database, tmp_path):
    run(config_of(csv, budget={"trials": 1}), tmp_path / "a")
    copy_study(str(tmp_path / "a"), database)
    run(config_of(csv, budget={"trials": 1}), tmp_path / "b")
    for source, target, words in (
        (str(tmp_path / "none"), database, "found none at"),
        (str(tmp_path / "a"), database, "found 'wave' in"),
        (str(tmp_path / "a"), str(tmp_path / "b"), "found a run in"),
        (f"{database}#wvae", str(tmp_path / "c"), "did you mean 'wave'"),
        (f"sqlite:///{tmp_path}/none.db", str(tmp_path / "c"), "found none at"),
    ):
        result = CliRunner().invoke(cli, ["copy-study", source, target])
        assert isinstance(result.exception, LstmoptError), result.output
        assert words in str(result.exception)
        assert PASSWORD not in str(result.exception)
    with (
        RunFolder(tmp_path / "a").lock(),
        pytest.raises(LstmoptError, match="one driver runs a study"),
    ):
        copy_study(str(tmp_path / "a"), f"{database}#again")
    result = CliRunner().invoke(cli, ["copy-study", database, str(tmp_path / "c")])
    assert result.output == f"copied 1 trials: study 'wave' in {tmp_path / 'c'}\n"


def test_a_copy_that_is_interrupted_leaves_nothing(csv, tmp_path, monkeypatch):
    run(config_of(csv), tmp_path / "a")
    url, left = f"sqlite:///{tmp_path}/s.db", [2]
    make = optuna.storages.RDBStorage._create_new_trial

    def interrupted(*arguments, **options):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return make(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(optuna.storages.RDBStorage, "_create_new_trial", interrupted)
        with pytest.raises(KeyboardInterrupt):
            copy_study(str(tmp_path / "a"), url)
    assert copy_study(str(tmp_path / "a"), url)[0] >= 5


def test_a_study_file_with_a_password_is_its_owners_alone(csv, tmp_path):
    folder = RunFolder(tmp_path)
    folder.write(folder.study_file, f'storage = "postgresql://me:{PASSWORD}@db/s"')
    assert folder.study_file.stat().st_mode & 0o777 == 0o600
    folder.write(folder.front_csv, "trial")
    assert folder.front_csv.stat().st_mode & 0o044


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me:s3cret@db/s", "postgresql://me:***@db/s"),
        ("postgresql://me:s3@cret@db/s", "postgresql://me:***@db/s"),
        (
            "postgresql://db/s?user=me&password=s3cret&x=1",
            "postgresql://db/s?user=me&password=***&x=1",
        ),
        ("tcp://127.0.0.1:8786 and mail@host", "tcp://127.0.0.1:8786 and mail@host"),
    ],
)
def test_a_password_is_never_said(url, said):
    assert masked(url) == said


@pytest.mark.postgres
def test_the_dashboard_shows_it(csv, database, tmp_path):
    import threading

    run(config_of(csv, storage=database), tmp_path / "run")
    address = []
    serving = threading.Thread(
        target=serve, args=(load(tmp_path / "run"), "127.0.0.1", 0, address.append), daemon=True
    )
    serving.start()
    wait_until(lambda: address)
    base = address[0].split("/dashboard")[0]
    with urllib.request.urlopen(f"{base}/api/studies") as answer:
        (study,) = json.load(answer)["study_summaries"]
    assert study["study_name"] == "wave"


@pytest.mark.postgres
@pytest.mark.dask
def test_killing_workers_of_a_cluster_and_the_driver_loses_and_doubles_nothing(tmp_path):
    tally = soak(tmp_path, trials=16, epochs=8)
    assert (tally.drivers, tally.workers) == (1, 2)
    assert tally.losses_compared == 16 * 8
    assert tally.clean, tally.table()
