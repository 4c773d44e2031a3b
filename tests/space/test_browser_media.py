"""Cameras, microphones, the clipboard and foreign weights, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import huggingface_hub.constants
import numpy as np
import pytest
from numpy.typing import NDArray

from deepfake_hf.synthesis.astronaut import astronaut_rgb
from deepfake_hf.synthesis.examples import Example, self_blended_portrait
from deepfake_hf.synthesis.virtual_camera import VirtualCamera, film
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
  const { verdict } = section.dataset, icons = section.querySelectorAll(`.dh-tag.dh-${verdict} svg.dh-icon > *`).length;
  return { word: verdict, text: section.innerText, count, icons };
}"""


# Whether the camera shows another picture after half a second.
_MOVES = """async () => {
  const video = document.querySelector("#camera video"), canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const look = () => { pen.drawImage(video, 0, 0); return pen.getImageData(0, 0, canvas.width, canvas.height).data; };
  const before = look();
  await new Promise((done) => setTimeout(done, 500));
  const after = look();
  return before.reduce((sum, value, at) => sum + (Math.abs(value - after[at]) > 20), 0) > 1000;
}"""


def write_y4m(path: Path, still: NDArray[np.uint8]) -> Path:
    """A hand-held film of a portrait, as the filmed examples but raw: a camera hands on pictures and no H.264."""
    camera = VirtualCamera((400, 480), 25.0, 4.0, aim_xy=(240.0, 256.0), zoom=(0.97, 1.0), pan_px=8.0, seed=4)
    with path.open("wb") as out:
        out.write(b"YUV4MPEG2 W400 H480 F25:1 Ip A1:1 C420jpeg\n")  # the one name that Chromium knows
        for rgb, _ in film(still, camera):
            out.write(b"FRAME\n" + cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420).tobytes())
    return path


@contextmanager
def before_a_camera(playwright: Playwright, address: str, folder: Path, still: NDArray[np.uint8]) -> Iterator[Watched]:
    """The live tab, whose camera films a portrait."""
    started = start(
        playwright, *_DEVICES, f"--use-file-for-fake-video-capture={write_y4m(folder / 'camera.y4m', still)}"
    )
    try:
        watched = Watched(started, address)
        watched.tab("Live")
        watched.page.click("#camera >> text=Click to Access Webcam")
        watched.page.click("#camera button[aria-label='start stream'], #camera button:has-text('Record')")
        yield watched
        watched.assert_quiet()
    finally:
        started.close()


@pytest.mark.parametrize(
    ("portrait", "word", "other"), [(astronaut_rgb, "real", "fake"), (self_blended_portrait, "fake", "real")],
    ids=["genuine", "self_blended"],
)  # fmt: skip
def test_a_camera_turns_green_or_red(
    playwright: Playwright,
    address: str,
    tmp_path: Path,
    portrait: Callable[[], NDArray[np.uint8]],
    word: str,
    other: str,
) -> None:
    with before_a_camera(playwright, address, tmp_path, portrait()) as watched:
        page = watched.page
        page.wait_for_selector("#live-words [data-state=scored]")
        assert page.evaluate(_MOVES), "the camera's picture stands still"
        # Word and box are of the same colour; the box is at most a frame behind the word.
        ready = f"() => {{ const l = ({_LIVE})(); return l && l.word === '{word}' && l.count['{word}'] > 400 && l; }}"
        live = page.wait_for_function(ready, timeout=120_000).json_value()
        assert live["count"][other] < 50  # of grey a picture has much of its own
        assert f"{word.capitalize()} P(fake)" in live["text"] and "Uncertain" not in live["text"]
        assert live["icons"] >= 1
        speed = page.evaluate("({...document.querySelector('#live-words [data-fps]').dataset})")
        assert float(speed["fps"]) > 0 and float(speed["delay"]) > 0
        # Over the seconds the right word outweighs the wrong one; between them it may waver.
        page.wait_for_function("document.querySelectorAll('#live-plot .dh-dot').length >= 15", timeout=120_000)
        right, wrong = (page.locator(f"#live-plot .dh-dot-{kind}").count() for kind in (word, other))
        assert right > 3 * wrong
        watched.shot(f"live-{word}-1440")


def test_a_camera_without_a_face_stays_grey_and_says_why(playwright: Playwright, address: str, tmp_path: Path) -> None:
    wall = np.full((512, 512, 3), 120, np.uint8)
    with before_a_camera(playwright, address, tmp_path, wall) as watched:
        watched.page.wait_for_selector(
            "#live-words [data-state=abstained][data-verdict=none] >> text=No face in sight."
        )
        assert "P(fake)" not in watched.page.locator("#live-words").inner_text()
        assert watched.page.locator("#live-plot .dh-dot").count() == 0


@pytest.mark.parametrize(("index", "word"), [(4, "real"), (5, "fake")], ids=["genuine", "copy_synthesis"])
def test_a_microphone_is_judged_while_it_runs_and_no_more_after_stop(
    playwright: Playwright, address: str, examples: list[Example], index: int, word: str
) -> None:
    started = start(playwright, *_DEVICES, f"--use-file-for-fake-audio-capture={examples[index].path}")
    try:
        watched = Watched(started, address)
        page = watched.page
        watched.tab("Live")
        watched.tab("Microphone")
        button = page.locator("#microphone button")
        button.focus()
        button.press("Enter")
        page.wait_for_selector("#live-heard >> text=Listening; a first reading takes 3.8 s")
        page.wait_for_selector(f"#live-heard [data-verdict={word}]")
        assert f"{word.capitalize()} P(fake)" in page.locator("#live-heard").inner_text()
        assert page.locator(f"#live-heard .dh-tag.dh-{word} svg").count() == 1
        first = page.locator("#live-sound-plot .dh-dot").count()
        page.wait_for_function(f"document.querySelectorAll('#live-sound-plot .dh-dot').length > {first}")
        assert page.locator(f"#live-sound-plot .dh-dot-{word}").count() > 0
        watched.shot(f"microphone-{word}-1440")
        button.click()
        page.wait_for_selector("#microphone >> text=Stopped. The last reading stands below.")
        page.wait_for_timeout(3000)  # the piece that was on its way
        last = page.locator("#live-heard").inner_html()
        page.wait_for_timeout(3000)
        assert page.locator("#live-heard").inner_html() == last and button.inner_text() == "Record"
        button.click()  # a new stream begins from nothing
        page.wait_for_selector("#live-heard >> text=Listening; a first reading takes 3.8 s")
        watched.assert_quiet()
    finally:
        started.close()


def test_what_is_recorded_in_the_page_is_analysed(
    playwright: Playwright, address: str, examples: list[Example], tmp_path: Path
) -> None:
    started = start(
        playwright, *_DEVICES,
        f"--use-file-for-fake-video-capture={write_y4m(tmp_path / 'camera.y4m', astronaut_rgb())}",
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
