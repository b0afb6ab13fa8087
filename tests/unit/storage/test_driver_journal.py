from __future__ import annotations

import contextlib
import tempfile
from functools import partial
from pathlib import Path

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import TrialState

from lstmopt.errors import LstmoptError, MachineError
from lstmopt.storage import driver_journal as journal
from lstmopt.storage.driver_journal import DriverJournal, open_journal
from lstmopt.storage.driver_storage import DriverStorage

TWO = [StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE]
WRITES = ["begin", "wait", "param", "user", "system", "step", "run", "end", "study", "delete"]
STEPS = st.lists(
    st.tuples(st.sampled_from(WRITES), st.integers(0, 9), st.booleans()), min_size=1, max_size=25
)


def template(number, state):
    return optuna.trial.FrozenTrial(
        number, state, None, None, None, {"x": 0.5}, {"x": FloatDistribution(0, 1)},
        {"kept": number}, {}, {}, number,
    )  # fmt: skip


def write(storage, study_id, step, number):
    """Do one thing to a storage, to the trial that ``number`` chooses."""
    if step == "begin":
        return storage.create_new_trial(study_id)
    if step == "wait":
        return storage.create_new_trial(study_id, template(number, TrialState.WAITING))
    if step == "delete":
        return storage.delete_study(study_id) if number == 9 else None
    if step == "study":
        return storage.set_study_system_attr(study_id, f"key {number}", number)
    trials = storage.get_all_trials(study_id, deepcopy=False)
    if not trials:
        return None
    trial_id = trials[number % len(trials)]._trial_id
    if step == "param":
        distribution = CategoricalDistribution(["a", "b"])
        return storage.set_trial_param(trial_id, "y", number % 2, distribution)
    if step == "user":
        return storage.set_trial_user_attr(trial_id, f"key {number}", [number, {"a": None}])
    if step == "system":
        return storage.set_trial_system_attr(trial_id, "constraints", [number])
    if step == "step":
        return storage.set_trial_intermediate_value(trial_id, number, float(number))
    if step == "run":
        return storage.set_trial_state_values(trial_id, TrialState.RUNNING)
    return storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [number, 1.0])


def outcome(storage, study_id, step, number):
    """Say what a write answers, or how it is refused."""
    try:
        return write(storage, study_id, step, number)
    except (KeyError, optuna.exceptions.UpdateFinishedTrialError) as error:
        return type(error)


@pytest.mark.parametrize("held", [1, 2, 256])
@settings(max_examples=40)
@given(STEPS)
def test_a_drivers_journal_is_what_optunas_own_storage_would_be(held, steps):
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "_HELD", held)
        paths = [Path(place) / "mine.log", Path(place) / "optuna.log"]
        mine, theirs = DriverJournal(paths[0]), open_journal(paths[1])
        others = [open_journal(path) for path in paths]
        studies = [(s.create_new_study(TWO, "a"), s.create_new_study(TWO, "b")) for s in others]
        assert studies[0] == studies[1]
        for step, number, other in steps:
            study_id = studies[0][number == 9]
            pair = others if other else (mine, theirs)
            answers = [outcome(storage, study_id, step, number) for storage in pair]
            assert answers[0] == answers[1]
        there = [study._study_id for study in theirs.get_all_studies()]
        assert [study._study_id for study in mine.get_all_studies()] == there
        for study_id in there:
            expected = theirs.get_all_trials(study_id)
            assert same(mine.get_all_trials(study_id), expected)
            assert same([mine.get_trial(t._trial_id) for t in expected], expected)
            numbers = [mine.get_trial_number_from_id(t._trial_id) for t in expected]
            assert numbers == [t.number for t in expected]
            ids = [mine.get_trial_id_from_study_id_trial_number(study_id, n) for n in numbers]
            assert ids == [t._trial_id for t in expected]
            assert mine.get_study_system_attrs(study_id) == theirs.get_study_system_attrs(study_id)
        for unknown in (-1, 99):
            with pytest.raises(KeyError):
                mine.get_trial(unknown)
            with pytest.raises(KeyError):
                mine.get_trial_id_from_study_id_trial_number(studies[0][0], unknown)


def same(mine, theirs):
    """Say whether trials are alike in all but the moments at which two storages wrote them."""
    told = (
        "number", "_trial_id", "state", "values", "params", "distributions", "user_attrs",
        "system_attrs", "intermediate_values",
    )  # fmt: skip
    return [[getattr(t, n) for n in told] for t in mine] == [
        [getattr(t, n) for n in told] for t in theirs
    ]


def test_a_drivers_journal_serves_a_study_as_any_storage(tmp_path):
    storage = DriverJournal(tmp_path / "j.log")
    study = optuna.create_study(study_name="s", storage=storage, directions=TWO)
    study.set_user_attr("about", {"a": 1})
    study.enqueue_trial({"x": 0.25})
    study.optimize(lambda t: (t.suggest_float("x", 0, 1), t.number), n_trials=3)
    assert [t.values[1] for t in study.trials] == [0, 1, 2]
    assert study.trials[0].params == {"x": 0.25}
    known = optuna.load_study(study_name="s", storage=open_journal(tmp_path / "j.log"))
    assert known.trials == study.trials
    assert known.user_attrs == study.user_attrs == {"about": {"a": 1}}
    optuna.delete_study(study_name="s", storage=storage)
    assert optuna.get_all_study_names(storage) == []


def test_a_study_that_was_made_anew_has_its_own_trials(tmp_path):
    storage = DriverJournal(tmp_path / "j.log")
    for _ in range(2):
        with contextlib.suppress(KeyError):
            storage.delete_study(storage.get_study_id_from_name("s"))
        study = optuna.create_study(study_name="s", storage=storage)
        study.tell(study.ask(), 1.0)
    assert [t.number for t in study.trials] == [0]
    assert study.trials[0]._trial_id == 1
    assert storage.get_trial(1).values == [1.0]


def test_a_line_that_another_program_is_writing_is_read_when_it_is_whole(tmp_path):
    path = tmp_path / "j.log"
    mine, theirs = DriverJournal(path), open_journal(path)
    study_id = mine.create_new_study(TWO, "s")
    trial_id = mine.create_new_trial(study_id)
    theirs.set_trial_user_attr(trial_id, "seen", 1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    assert mine.get_trial(trial_id).user_attrs == {}
    path.write_bytes(whole)
    assert mine.get_trial(trial_id).user_attrs == {"seen": 1}


def test_what_another_program_writes_right_after_a_beginning_is_seen(tmp_path, monkeypatch):
    path = tmp_path / "j.log"
    mine, theirs = DriverJournal(path), open_journal(path)
    study_id = mine.create_new_study(TWO, "s")
    append = JournalFileBackend.append_logs
    with monkeypatch.context() as patch:

        def append_and_be_overtaken(backend, logs):
            append(backend, logs)
            patch.undo()
            theirs.set_trial_user_attr(0, "seen", 1)

        patch.setattr(JournalFileBackend, "append_logs", append_and_be_overtaken)
        trial_id = mine.create_new_trial(study_id)
    assert mine.get_trial(trial_id).user_attrs == {"seen": 1}


@pytest.mark.parametrize("line", [b"{\n", b"null\n", b'{"study": 1}\n', b"\xff\xfe\n"])
def test_a_line_that_is_no_record_is_named(tmp_path, line):
    mine = DriverJournal(tmp_path / "j.log")
    mine.create_new_study(TWO, "s")
    with (tmp_path / "j.log").open("ab") as file:
        file.write(line * 2)  # of the last one alone Optuna says nothing
    for read in (mine.get_all_studies, lambda: open_journal(tmp_path / "j.log")):
        with pytest.raises(LstmoptError, match="a line of a journal is a record of"):
            read()


def test_a_journal_that_became_shorter_is_no_journal(tmp_path):
    mine = DriverJournal(tmp_path / "j.log")
    study_id = mine.create_new_study(TWO, "s")
    (tmp_path / "j.log").write_bytes(b"")
    with pytest.raises(MachineError, match="a run's journal only grows"):
        mine.create_new_trial(study_id)


def test_a_study_is_held_as_a_whole_for_as_long_as_somebody_asks_for_it(tmp_path):
    opened = []

    def open_whole():
        opened.append(len(opened))
        return open_journal(tmp_path / "j.log")

    storage = DriverStorage(DriverJournal(tmp_path / "j.log"), open_whole)
    study = optuna.create_study(storage=storage)
    for number in range(5):
        study.tell(study.ask(), 1.0)
        assert len(study.get_trials()) == number + 1
    assert opened == [0]
    for _ in range(2):
        storage.create_new_trial(study._study_id)  # as a driver does, which does not look back
    assert len(study.get_trials()) == 7
    assert opened == [0, 1]


def test_a_drivers_storage_serves_threads(tmp_path):
    path = tmp_path / "j.log"
    storage = DriverStorage(DriverJournal(path), partial(open_journal, path))
    study = optuna.create_study(storage=storage)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=40, n_jobs=4)
    assert [t.number for t in study.get_trials() if t.state == TrialState.COMPLETE] == [*range(40)]
