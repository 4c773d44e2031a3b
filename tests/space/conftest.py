"""What the tests of the page share: the examples, a page with the embedded weights, and a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from deepfake_hf.synthesis.examples import Example
from tests.space.browsing import CHROMIUM, start

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright


@pytest.fixture(scope="module")
def examples(example_files: list[Example]) -> Iterator[list[Example]]:
    """The project's own examples, where the page looks for them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPFAKE_HF_CACHE", str(example_files[0].path.parents[2]))
        yield example_files


@pytest.fixture(scope="module")
def address(examples: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page as a visitor of a laptop meets it, with a history."""
    from space.app import build_app, launch
    from space.engine import Engine
    from space.history import History
    from space.limits import PageLimits

    limits = PageLimits()
    engine = Engine(limits)
    engine.warm()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("uploads")))
        app = build_app(engine, examples, History(tmp_path_factory.mktemp("past") / "history.sqlite3"))
        yield launch(app, limits, prevent_thread_lock=True)
        app.close()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    if not (CHROMIUM.is_file() or shutil.which("chromium")):
        reason = "no chromium here (apt-get install chromium)"
        if os.environ.get("DEEPFAKE_HF_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    started = start(playwright)
    yield started
    started.close()
