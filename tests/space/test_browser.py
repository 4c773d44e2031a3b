"""The page in a real Chromium, with the embedded weights."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deepfake_hf.media import EveryNth, read_frames
from deepfake_hf.synthesis.examples import Example
from tests.space.browsing import SCORED, Watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FileChooser

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("index", [0, 1], ids=["genuine", "self_blended"])
def test_a_clip_gives_verdict_timeline_jumps_and_downloads(
    browser: Browser, address: str, examples: list[Example], index: int
) -> None:
    watched = Watched(browser, address)
    page = watched.page
    watched.upload(examples[index].path)
    watched.analyse()
    card = page.locator("#card section")
    assert card.get_attribute("data-state") == "scored"
    assert card.get_attribute("data-verdict") in ("real", "fake", "uncertain")
    assert examples[index].path.name in card.inner_text()
    # Clicking the timeline moves the player.
    plot = page.locator("#timeline .dh-plot").first
    box = plot.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 2 / 3, box["y"] + 20)
    page.wait_for_function("Math.abs(document.querySelector('#player video').currentTime - 4) < 0.2")
    assert float(plot.get_attribute("aria-valuenow") or 0) == pytest.approx(4, abs=0.2)
    plot.press("ArrowLeft")  # and so do the keys
    page.wait_for_function("Math.abs(document.querySelector('#player video').currentTime - 3.5) < 0.2")
    assert "P(fake)" in (plot.get_attribute("aria-valuetext") or "")
    assert page.locator("#parts .dh-report .thumbs img").count() >= 1
    with page.expect_download() as download:
        page.click("#get-json")
    record = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert download.value.suggested_filename == f"{examples[index].path.stem}.deepfake_hf.json"
    assert record["result"]["verdict"] == card.get_attribute("data-verdict")
    watched.shot(f"analyse-{index}-light-1440")
    if index:
        page.click("#draw")
        page.wait_for_selector("#get-video:visible")
        with page.expect_download() as video:
            page.click("#get-video")
        film = Path(video.value.path()).with_suffix(".mp4")
        shutil.copy(video.value.path(), film)
        assert len(list(read_frames(film, EveryNth(50)))) == 3
    watched.assert_quiet()


def test_an_example_on_a_phone_in_the_dark_by_one_click(browser: Browser, address: str) -> None:
    watched = Watched(browser, address, width=360, scheme="dark")
    watched.tab("Examples")
    watched.page.click("#example-portrait_genuine")
    watched.page.wait_for_selector(SCORED)
    watched.page.wait_for_selector("#player img.dh-preview")
    watched.page.wait_for_selector("#parts .dh-report")
    assert watched.misfits(360) == []
    watched.shot("analyse-picture-dark-360")
    watched.assert_quiet()


def test_every_tab_fits_phone_desk_and_4k(browser: Browser, address: str) -> None:
    names = ["Examples", "Live", "Batch", "Compare", "Model", "History", "For programs"]
    for width, scheme in ((1440, "dark"), (360, "light"), (3840, "light")):
        watched = Watched(browser, address, width, scheme)
        watched.shot(f"analyse-{scheme}-{width}")
        watched.page.click("#foot button")  # leads to the figures
        watched.page.wait_for_selector("#figures .dh-table")
        for name in names:
            watched.tab(name)
            panel = {"Model": "#figures .dh-table", "History": "#history section, #history .dh-past"}.get(name)
            if panel:
                watched.page.wait_for_selector(panel)
            watched.page.wait_for_timeout(300)
            assert watched.misfits(width) == [], name
            watched.shot(f"{name.split()[-1].lower()}-{scheme}-{width}")
        watched.assert_quiet()


def test_a_broken_file_and_no_file_are_told_in_sentences(browser: Browser, address: str, tmp_path: Path) -> None:
    broken = tmp_path / "notes.mp4"
    broken.write_text("this is no video")
    watched = Watched(browser, address)
    watched.page.click("#analyse")
    watched.page.wait_for_selector("text=Choose a file or an example first.")
    watched.upload(broken)
    watched.analyse()
    card = watched.page.locator("#card section")
    assert card.get_attribute("data-state") == "abstained" and "notes.mp4" in card.inner_text()
    assert "P(fake)" not in card.inner_text() and "Traceback" not in watched.page.content()
    assert watched.foreign == []
    watched.context.close()


def test_cancel_stops_an_analysis(browser: Browser, address: str, examples: list[Example]) -> None:
    watched = Watched(browser, address)
    watched.upload(examples[0].path)
    watched.page.click("#analyse")
    watched.page.wait_for_selector("#card [data-state=busy]")
    watched.page.click("#cancel")
    watched.page.wait_for_selector("#card [data-state=cancelled]")
    watched.tab("Examples")  # the detector is free again
    watched.page.click("#example-portrait_genuine")
    watched.page.wait_for_selector(SCORED)
    watched.assert_quiet()


def test_by_keyboard_alone(browser: Browser, address: str, examples: list[Example]) -> None:
    watched = Watched(browser, address)
    page = watched.page

    def walk_to(place: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("(place) => !!document.activeElement.closest(place)", place):
                ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert ring != "none", f"nothing shows that {place} has the focus"
                return
        pytest.fail(f"{place} is not reached by the Tab key")

    choosers: list[FileChooser] = []
    page.on(
        "filechooser", lambda chooser: choosers.append(chooser)
    )  # from the start: asked for later, it misses the key
    walk_to("#file button")
    page.keyboard.press("Enter")
    deadline = time.monotonic() + 60
    while not choosers and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    choosers[0].set_files(examples[3].path)
    page.wait_for_selector("#player .dh-preview")
    walk_to("#analyse")
    page.keyboard.press("Enter")
    page.wait_for_selector(SCORED)
    page.wait_for_selector("#get-json:visible")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, textarea')].filter(e => e.offsetParent && "
        "!(e.innerText || e.ariaLabel || e.title || e.labels?.length || e.placeholder)).map(e => e.outerHTML)"
    )
    assert unnamed == []
    watched.assert_quiet()


def test_two_visitors_at_once_see_their_own(browser: Browser, address: str, examples: list[Example]) -> None:
    both = [Watched(browser, address), Watched(browser, address)]
    for watched, example in zip(both, (examples[2], examples[3]), strict=True):
        watched.upload(example.path)
    for watched in both:
        watched.page.click("#analyse")
    for watched, example in zip(both, (examples[2], examples[3]), strict=True):
        watched.page.wait_for_selector(SCORED)
        assert example.path.name in watched.page.locator("#card").inner_text()
        watched.assert_quiet()


def test_leaving_deletes_the_upload(browser: Browser, address: str, tmp_path: Path) -> None:
    mine = tmp_path / "my_own_picture.png"
    mine.write_bytes(b"\x89PNG and nothing more")
    watched = Watched(browser, address)
    watched.upload(mine)
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    deadline = time.monotonic() + 90
    while not list(folder.rglob(mine.name)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert list(folder.rglob(mine.name))
    watched.context.close()
    deadline = time.monotonic() + 90
    while list(folder.rglob(mine.name)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not list(folder.rglob(mine.name))


def test_a_batch_of_five_with_one_broken(
    browser: Browser, address: str, examples: list[Example], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    again = [Path(shutil.copy(examples[n].path, tmp_path / f"again_{n}.png")) for n in (2, 3)]
    watched = Watched(browser, address)
    watched.tab("Batch")
    files = [examples[2].path, examples[3].path, *again, broken]
    watched.page.locator("#batch-files input[type=file]").set_input_files(files)
    watched.page.wait_for_selector("#batch-files >> text=broken")
    watched.page.click("#batch-go")
    watched.page.wait_for_selector("#batch-state [data-state=done]")
    text = watched.page.locator("#batch-state").inner_text()
    assert "5 files" in text and "could not be read" in text.lower()
    cells = "#batch-table td[data-label='P(fake)']"
    keys = f'[...document.querySelectorAll("{cells}")].map(cell => Number(cell.dataset.key))'
    head = watched.page.get_by_role("button", name="P(fake)")
    assert len(watched.page.evaluate(keys)) == 5
    for turned in (False, True):
        head.click()
        scores = watched.page.evaluate(keys)
        assert scores == sorted(scores, reverse=turned) and len(set(scores)) == 3 and -1 in scores
    with watched.page.expect_download() as download:
        watched.page.click("#batch-jsonl")
    lines = [json.loads(line) for line in Path(download.value.path()).read_text("utf-8").splitlines()]
    assert sorted(line["status"] for line in lines) == ["scored"] * 4 + ["unreadable"]
    watched.shot("batch-done-1440")
    watched.assert_quiet()


def test_results_are_kept_shown_and_deleted_only_when_asked(
    browser: Browser, address: str, examples: list[Example]
) -> None:
    watched = Watched(browser, address)
    page = watched.page
    page.check("#keep input")
    for example in (examples[2], examples[3]):  # the second takes the place of the first
        watched.drop(example.path)
        page.wait_for_selector(f"#player img[alt='{example.path.name}']")
        watched.analyse()
        page.wait_for_selector("text=Kept in the history on this machine.")
        assert example.path.name in page.locator("#card").inner_text()
    watched.tab("History")
    page.wait_for_selector("#history >> text=portrait_genuine.png")
    watched.shot("history-kept-1440")
    page.get_by_role("button", name="JSON portrait_self_blended.png").click()
    page.wait_for_selector("#history-said .dh-json >> text=sha256")
    page.get_by_role("button", name="Delete portrait_self_blended.png").click()
    page.wait_for_selector("#history-said >> text=Deleted.")
    assert page.locator("#history article").count() == 1
    page.click("#history-clear")
    page.wait_for_selector("#history-said >> text=This deletes the one result. It can't be undone.")
    watched.shot("history-asked-1440")
    page.click("#history-keep")
    page.wait_for_selector("#history-said >> text=Nothing was deleted.")
    assert page.locator("#history article").count() == 1
    page.click("#history-clear")
    page.click("#history-sure")
    page.wait_for_selector("#history-said >> text=Deleted: 1.")
    page.wait_for_selector("#history >> text=Nothing is kept")
    assert page.locator("#history-clear").is_visible() and not page.locator("#history-sure").is_visible()
    watched.assert_quiet()


def test_two_files_side_by_side(browser: Browser, address: str, examples: list[Example]) -> None:
    watched = Watched(browser, address)
    page = watched.page
    watched.tab("Compare")
    page.locator("#compare-one input[type=file]").set_input_files(examples[3].path)
    page.locator("#compare-other input[type=file]").set_input_files(examples[3].path)
    page.wait_for_selector("#compare-other >> text=.png")
    page.wait_for_selector("#compare-one >> text=.png")
    watched.drop(examples[2].path, "#compare-one")
    page.wait_for_selector(f"#compare-one >> text={examples[2].path.stem}")
    page.click("#compare-go")
    page.wait_for_selector("#compare-state [data-state=done]")
    assert page.locator("#compare-card-1 section, #compare-card-2 section").count() == 2
    assert examples[2].path.name in page.locator("#compare-card-1").inner_text()
    assert examples[3].path.name in page.locator("#compare-card-2").inner_text()
    watched.shot("compare-done-1440")
    watched.assert_quiet()
