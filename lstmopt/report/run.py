"""A run that draws itself: what `lstmopt.load` gives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lstmopt.results.run import RunData, read_run

if TYPE_CHECKING:
    from lstmopt.report.figures import Figures


class Run(RunData):
    """A run as it stands: its tables, its study, its model, its figures and its report.

    Attributes:
        folder: The run's folder and the names in it.
        results: What ``optimization_results.json`` holds, or the same of a study that has no such
            file yet or has gone on since it was written.
        active: The trials that are not closed, of such a study.
    """

    @property
    def figures(self) -> Figures:
        """Every figure of the report, as plotly figures."""
        from lstmopt.report.figures import Figures

        return Figures(self)

    def write_report(self) -> Path:
        """Write ``report.html`` into the run's folder.

        Returns:
            The path of the file.
        """
        from lstmopt.report.page import write_report

        return write_report(self)

    def _repr_html_(self) -> str:
        from lstmopt.report.page import notebook_summary

        return notebook_summary(self)


def load(path: str | Path) -> Run:
    """Read the run in a folder, finished or not, also while it goes on.

    Args:
        path: The folder that ``lstmopt run`` wrote.

    Returns:
        The run as it stands now; it is not followed.

    Raises:
        LstmoptError: Where there is no run, or neither its results nor its study can be read.
    """
    found = read_run(path)
    return Run(found.folder, found.results, found.active)
