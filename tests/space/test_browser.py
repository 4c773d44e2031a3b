"""The page in a real Chromium, with the embedded weights: a clip goes in, a verdict card comes out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deepfake_hf.synthesis.examples import Example, make_examples

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_CHROMIUM = Path("/usr/bin/chromium")
_QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
_WAIT_MS = 240_000  # two busy cores
_ANSWERED = "#card [data-state=scored], #card [data-state=abstained]"


class Watched:
    """A page with what it asked of other hosts and what it complained about."""

    def __init__(self, browser: Browser, address: str, width: int = 1280, scheme: str = "light") -> None:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        self.page: Page = context.new_page()
        self.page.set_default_timeout(_WAIT_MS)
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        local = ("http://127.0.0.1", "http://localhost", "data:", "blob:")
        self.page.on("request", lambda r: None if r.url.startswith(local) else self.foreign.append(r.url))
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(address, timeout=_WAIT_MS)
        self.page.wait_for_selector("#analyse")

    def upload(self, path: Path) -> None:
        self.page.locator("#file input[type=file]").set_input_files(path)
        self.page.wait_for_selector(".dh-preview")

    def analyse(self) -> None:
        self.page.click("#analyse")
        # The card's own state, and not its text: progress text comes and goes in the same place.
        self.page.wait_for_selector(_ANSWERED)

    def assert_quiet(self) -> None:
        assert self.foreign == []
        assert self.complaints == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not (_CHROMIUM.is_file() or shutil.which("chromium")):
        reason = "no chromium here (apt-get install chromium)"
        if os.environ.get("DEEPFAKE_HF_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    program = str(_CHROMIUM) if _CHROMIUM.is_file() else shutil.which("chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=_QUIET)
        yield started
        started.close()


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Example]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPFAKE_HF_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield make_examples()


@pytest.fixture(scope="module")
def address(browser: Browser, examples: list[Example]) -> Iterator[str]:
    from space.app import build_app, launch

    app = build_app(examples=examples)
    yield launch(app, prevent_thread_lock=True)
    app.close()


@pytest.mark.parametrize("index", [0, 1], ids=["genuine", "self_blended"])
def test_a_clip_goes_in_and_a_verdict_comes_out(
    browser: Browser, address: str, examples: list[Example], index: int
) -> None:
    watched = Watched(browser, address)
    watched.upload(examples[index].path)
    watched.analyse()
    card = watched.page.locator("#card section")
    assert card.get_attribute("data-state") == "scored"
    assert card.get_attribute("data-verdict") in ("real", "fake", "uncertain")
    assert examples[index].path.name in card.inner_text()
    watched.page.wait_for_selector("#voices .dh-table")
    assert watched.page.locator("#voices tbody tr").count() >= 1
    visible = [image for image in watched.page.locator("#timeline img").all() if image.is_visible()]
    assert len(visible) == 1
    with watched.page.expect_download() as download:
        watched.page.click("a.dh-button")
    assert download.value.suggested_filename == f"{examples[index].path.stem}.deepfake_hf.json"
    watched.assert_quiet()


def test_an_example_button_on_a_phone_in_the_dark(browser: Browser, address: str) -> None:
    watched = Watched(browser, address, width=360, scheme="dark")
    watched.page.click("#example-portrait_genuine")
    watched.page.wait_for_selector("img.dh-preview")
    watched.analyse()
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 360
    visible = [image for image in watched.page.locator("#timeline img").all() if image.is_visible()]
    assert [image.get_attribute("class") for image in visible] == ["dh-narrow dh-on-dark"]
    watched.assert_quiet()


def test_a_broken_file_gives_a_card_without_a_number(browser: Browser, address: str, tmp_path: Path) -> None:
    broken = tmp_path / "notes.mp4"
    broken.write_text("this is no video")
    watched = Watched(browser, address)
    watched.upload(broken)
    watched.analyse()
    card = watched.page.locator("#card section")
    assert card.get_attribute("data-state") == "abstained" and "notes.mp4" in card.inner_text()
    assert "P(fake)" not in card.inner_text() and "Traceback" not in watched.page.content()
    assert watched.foreign == []


def test_nothing_chosen_is_told_in_a_sentence(browser: Browser, address: str) -> None:
    watched = Watched(browser, address)
    watched.page.click("#analyse")
    watched.page.wait_for_selector("text=Choose a file or an example first.")
