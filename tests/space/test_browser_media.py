"""Cameras, microphones, the clipboard and foreign weights, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import huggingface_hub.constants
import pytest
from PIL import Image

from deepfake_hf.synthesis.examples import Example
from tests.hub.endpoint import Hub
from tests.space.browsing import SCORED, Watched, start
from tests.tiny_bundle import write_tiny_bundle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_DEVICES = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
# The running verdict in words, its reason, and how many pixels of the boxes' green, red and grey the picture has.
_LIVE = """() => {
  const section = document.querySelector("#live-words section"), picture = document.querySelector("#live-picture img");
  if (!section || !picture || !picture.naturalWidth) return null;
  const canvas = document.createElement("canvas"), count = { real: 0, fake: 0, uncertain: 0 };
  canvas.width = picture.naturalWidth; canvas.height = picture.naturalHeight;
  const pen = canvas.getContext("2d"); pen.drawImage(picture, 0, 0);
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  const colours = { real: [11, 122, 62], fake: [197, 34, 31], uncertain: [95, 99, 104] };
  for (let at = 0; at < pixels.length; at += 4) for (const [word, colour] of Object.entries(colours))
    count[word] += colour.every((value, n) => Math.abs(value - pixels[at + n]) < 14);
  return { word: section.dataset.verdict, text: section.innerText, count };
}"""


def write_y4m(path: Path, picture: Path) -> Path:
    """A film of a still as Chromium's fake camera reads it; the filmed examples are too faint for single frames."""
    still = Image.open(picture).convert("RGB")
    width, height = (side - side % 2 for side in still.size)
    luma, *colour = still.crop((0, 0, width, height)).convert("YCbCr").split()
    planes = luma.tobytes() + b"".join(plane.resize((width // 2, height // 2)).tobytes() for plane in colour)
    path.write_bytes(b"YUV4MPEG2 W%d H%d F25:1 Ip A1:1 C420jpeg\n" % (width, height) + (b"FRAME\n" + planes) * 25)
    return path


@pytest.mark.parametrize(("index", "words"), [(2, ["real"]), (3, ["fake", "uncertain"])], ids=["genuine", "fake"])
def test_a_camera_turns_green_or_red_or_grey_with_the_reason(
    playwright: Playwright, address: str, examples: list[Example], tmp_path: Path, index: int, words: list[str]
) -> None:
    film = write_y4m(tmp_path / "camera.y4m", examples[index].path)
    started = start(playwright, *_DEVICES, f"--use-file-for-fake-video-capture={film}")
    try:
        watched = Watched(started, address)
        page = watched.page
        watched.tab("Live")
        page.click("#camera >> text=Click to Access Webcam")
        page.click("#camera button[aria-label='start stream'], #camera button:has-text('Record')")
        page.wait_for_selector("#live-words [data-state=scored]")
        # Word and box are of the same colour; the box is at most a frame behind the word.
        ready = (
            f"() => {{ const l = ({_LIVE})(); return l && {words}.includes(l.word) && l.count[l.word] > 150 && l; }}"
        )
        live = page.wait_for_function(ready, timeout=120_000).json_value()
        others = {"real", "fake", "uncertain"} - {live["word"]}
        if live["word"] != "uncertain":  # grey is common in any picture, green and red of this kind are not
            assert all(live["count"][other] < live["count"][live["word"]] for other in others - {"uncertain"})
        assert "P(fake)" in live["text"]
        assert live["word"] != "uncertain" or "too weak for a verdict" in live["text"]
        speed = page.evaluate("({...document.querySelector('#live-words [data-fps]').dataset})")
        assert float(speed["fps"]) > 0 and float(speed["delay"]) > 0
        assert page.locator("#live-plot .dh-dot").count() >= 1
        watched.shot(f"live-{index}-1440")
        watched.assert_quiet()
    finally:
        started.close()


def test_what_is_recorded_in_the_page_is_analysed(
    playwright: Playwright, address: str, examples: list[Example], tmp_path: Path
) -> None:
    film = write_y4m(tmp_path / "camera.y4m", examples[2].path)
    started = start(
        playwright, *_DEVICES, f"--use-file-for-fake-video-capture={film}",
        f"--use-file-for-fake-audio-capture={examples[4].path}",
    )  # fmt: skip
    try:
        watched = Watched(started, address)
        page = watched.page
        page.click("text=Record instead")
        page.click("#record-sound button:has-text('Record')")
        page.wait_for_timeout(1500)
        page.click("#record-sound button:has-text('Stop')")
        page.wait_for_selector("#player audio.dh-preview")
        page.click("#record-film >> text=Click to Access Webcam")
        page.click("#record-film button[aria-label='start recording'], #record-film button:has-text('Record')")
        page.wait_for_timeout(1500)
        page.click("#record-film button[aria-label='stop recording'], #record-film button:has-text('Stop')")
        page.wait_for_selector("#player video.dh-preview")
        watched.analyse()
        assert page.locator("#card section").get_attribute("data-state") == "scored"
        watched.shot("recorded-1440")
        watched.assert_quiet()
    finally:
        started.close()


def test_a_pasted_picture_is_taken(browser: Browser, address: str, examples: list[Example]) -> None:
    watched = Watched(browser, address)
    page = watched.page
    for number in (2, 3):  # the second takes the place of the first
        page.evaluate(
            """([name, bytes]) => {
              const carried = new DataTransfer();
              carried.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
              document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: carried, bubbles: true }));
            }""",
            [examples[number].path.name, list(examples[number].path.read_bytes())],
        )
        page.wait_for_selector(f"#player img.dh-preview[alt='{examples[number].path.name}']")
    page.click("#analyse")
    page.wait_for_selector(SCORED)
    assert examples[3].path.name in page.locator("#card").inner_text()
    watched.assert_quiet()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub on this machine, asked in place of the real one."""
    with Hub() as served:
        for name, value in {
            "ENDPOINT": served.address,
            "HUGGINGFACE_CO_URL_TEMPLATE": served.address + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_OFFLINE": False, "HF_HUB_DISABLE_XET": True, "HF_HUB_CACHE": str(tmp_path / "hub"),
        }.items():  # fmt: skip
            monkeypatch.setattr(huggingface_hub.constants, name, value)
        yield served


def test_two_bundles_side_by_side_and_one_from_the_hub(
    browser: Browser, address: str, examples: list[Example], tmp_path: Path, hub: Hub
) -> None:
    tiny = write_tiny_bundle(tmp_path / "tiny")
    hub.private["me/tiny"] = False
    hub.files["me/tiny"] = {
        file.relative_to(tiny.path).as_posix(): file.read_bytes() for file in tiny.path.rglob("*") if file.is_file()
    }
    watched = Watched(browser, address)
    page = watched.page
    watched.tab("Compare")
    page.locator("#compare-one input[type=file]").set_input_files(examples[2].path)
    page.wait_for_selector("#compare-one >> text=.png")
    for source in (str(tiny.path), "me/tiny"):
        page.locator("#compare-bundle").locator("input, textarea").fill(source)
        page.click("#compare-go")
        page.wait_for_selector("#compare-state [data-state=busy]")
        page.wait_for_selector("#compare-state [data-state=done]")
        weights = page.locator("#compare-state tr", has_text="Weights").inner_text()
        assert "deepfake_hf-lite" in weights and tiny.label in weights
    assert "random and untrained" in page.locator("#compare-card-2").inner_text()
    assert "random and untrained" not in page.locator("#compare-card-1").inner_text()
    watched.shot("compare-bundles-1440")
    watched.tab("Model")
    name = page.locator("#bundle-name").locator("input, textarea")
    for source, wrong, why in (
        ("Local folder", "nowhere", "it is not there"), ("Hub id", "me/none", "could not be fetched"),
    ):  # fmt: skip
        page.get_by_label(source).check()
        name.fill(wrong)
        page.click("#use")
        page.wait_for_selector(f"#figures >> text={why}")
    name.fill("me/tiny")
    page.click("#use")
    page.wait_for_selector(f"#figures >> text={tiny.label}")
    watched.tab("Analyse")
    page.wait_for_selector("#settings-line >> text=me/tiny")
    watched.assert_quiet()
