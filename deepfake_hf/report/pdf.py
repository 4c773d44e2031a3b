"""A page as PDF by a Chromium that is on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from deepfake_hf.errors import MissingDependencyError, UsageError

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_TIMEOUT_S: Final = 120


def find_browser() -> str:
    """The path of a Chromium.

    Raises:
        MissingDependencyError: None of ``BROWSERS`` is on the PATH.
    """
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    raise MissingDependencyError(
        "the PDF cannot be made",
        f"no browser is on the PATH ({', '.join(BROWSERS)})",
        "install Chromium, or leave --pdf out and print the HTML page from any browser",
    )


def write_pdf(page: Path, pdf: Path, browser: str) -> None:
    """Print a page.

    Args:
        page: HTML file.
        pdf: Where to.
        browser: From :func:`find_browser`.

    Raises:
        UsageError: The browser made no PDF.
    """
    pdf.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="deepfake_hf_") as profile:
        made = Path(profile) / "page.pdf"
        command = [
            browser, "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions",
            "--disable-background-networking", f"--user-data-dir={profile}/user", "--no-pdf-header-footer",
            f"--print-to-pdf={made}", page.resolve().as_uri(),
        ]  # fmt: skip
        if getattr(os, "geteuid", lambda: 1)() == 0:
            command.insert(1, "--no-sandbox")  # Chromium's sandbox refuses to run as root; the page holds no script
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
            why = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        except (OSError, subprocess.TimeoutExpired) as error:
            why = str(error)
        if not made.is_file():
            raise UsageError(f"{pdf} cannot be made", f"{browser} printed nothing ({why})", "print the page by hand")
        try:
            shutil.move(made, pdf)
        except OSError as error:
            raise UsageError(f"{pdf} cannot be written", str(error.strerror), "name another file") from None
