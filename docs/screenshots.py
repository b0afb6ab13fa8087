"""Takes the pictures of README.md: python docs/screenshots.py RUN

RUN is the folder of a finished run. Needs Chrome or Chromium and the extra ``test``.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from lstmopt import load
from lstmopt.report.png import find_browser, write_sheets

HERE = Path(__file__).parent


def main(folder: str) -> None:
    run = load(folder)
    report = run.write_report()
    if missing := write_sheets(run):
        sys.exit(missing)
    shutil.copyfile(run.folder.results_png, HERE / "results_sheet.png")
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=flags)
        shoot(browser, report, HERE / "report.png", width=1100, height=1500, scheme="light")
        shoot(
            browser, report, HERE / "report_phone_dark.png", width=390, height=1500, scheme="dark"
        )
        browser.close()


def shoot(
    browser: Browser, report: Path, out: Path, *, width: int, height: int, scheme: str
) -> None:
    """Photograph the top of a report in a window of this size."""
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page.goto(report.resolve().as_uri())
    page.locator('[data-figure="front"] .main-svg').first.wait_for()
    page.wait_for_function("document.querySelector('[data-figure=front] .scatterlayer')")
    page.screenshot(path=out)
    page.close()


if __name__ == "__main__":
    main(sys.argv[1])
