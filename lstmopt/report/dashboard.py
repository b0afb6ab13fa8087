"""optuna-dashboard on a run's storage, also while it runs."""

from __future__ import annotations

import shutil
import socketserver
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact

from lstmopt.errors import LstmoptError, MachineError
from lstmopt.results.run import RunData
from lstmopt.storage.optuna_internals import storage_of

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def serve(run: RunData, host: str, port: int, announce: Callable[[str], object]) -> None:
    """Serve the dashboard until interrupted; ``announce`` is told its address.

    Port 0 takes a free one. Raises LstmoptError where the package is missing or the port taken.
    """
    app, study_id = _make_app(run)
    try:
        server = make_server(host, port, app, _ThreadingServer, _QuietHandler)
    except OSError as error:
        raise MachineError(
            f"a dashboard needs a free port, found {host}:{port} unusable ({error.strerror}): "
            "give another --port"
        ) from error
    with server:
        announce(f"http://{host}:{server.server_port}/dashboard/studies/{study_id}")
        server.serve_forever()


def _make_app(run: RunData) -> tuple[WSGIApplication, int]:
    try:
        from optuna_dashboard import wsgi
    except ImportError as error:
        raise LstmoptError(
            "a dashboard needs optuna-dashboard, found it missing: pip install 'lstmopt[dashboard]'"
        ) from error
    study = run.study
    storage = storage_of(study)
    folder = run.path / "artifacts"
    folder.mkdir(exist_ok=True)
    attach(run, folder)
    app: WSGIApplication = wsgi(storage, artifact_store=FileSystemArtifactStore(folder))
    return app, storage.get_study_id_from_name(study.study_name)


def attach(run: RunData, folder: Path) -> None:
    """Show what the run has written as artifacts of its study, each once.

    The chosen model too: a trial that has ended can be given nothing any more.
    """
    study, files = run.study, run.folder
    storage, store = storage_of(study), FileSystemArtifactStore(folder)
    known = {m.filename: m.artifact_id for m in get_all_artifact_meta(study, storage=storage)}
    written = (files.report, files.results_png, files.correlations_png, files.front_csv)
    for path in (*written, files.weights, files.model):
        if not path.is_file():
            continue
        if path.name in known:
            # a newer one takes its place: what is attached cannot be taken off
            shutil.copyfile(path, folder / known[path.name])
        else:
            upload_artifact(artifact_store=store, file_path=str(path), study_or_trial=study)


class _ThreadingServer(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of every request."""
