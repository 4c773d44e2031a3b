"""A browser's view of the page: what the browser tests do again and again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

CHROMIUM = Path("/usr/bin/chromium")
_QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
_WAIT_MS = 240_000  # two busy cores
SCORED = "#card [data-state=scored]"
ANSWERED = "#card [data-state=scored], #card [data-state=abstained]"
_SHOTS = Path(__file__).resolve().parents[2] / "artifacts" / "screenshots"  # ignored by git


_MISFITS = """(width) => {
  const found = document.documentElement.scrollWidth > width ? ["the page itself"] : [];
  for (const node of document.querySelectorAll(".dh-body :is(p, h2, h3, th, td, dt, dd, li, button, code, small)")) {
    const box = node.getBoundingClientRect(), text = node.innerText.trim();
    if (!text || !box.width || node.closest(".dh-json, .scroll, details:not([open])")) continue;
    if (getComputedStyle(node.closest("thead") || node).clipPath !== "none") continue;
    const over = node.clientWidth && node.scrollWidth > node.clientWidth + 1;
    if (over || box.right > width + 1) found.push(`out: ${text}`);
    if (text.length > 8 && box.width < 40) found.push(`squeezed: ${text}`);
  }
  return found;
}"""


class Watched:
    """A page with what it asked of other hosts and what it complained about."""

    def __init__(self, browser: Browser, address: str, width: int = 1440, scheme: str = "light") -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
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
        self.page.wait_for_selector("#player .dh-preview, #player .dh-small")

    def drop(self, path: Path, place: str = "#file") -> None:
        """Drag a file from the desktop onto a place of the page."""
        box = self.page.locator(place).bounding_box()
        assert box is not None
        middle = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        carried = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        devtools = self.context.new_cdp_session(self.page)
        for kind in ("dragEnter", "dragOver", "drop"):
            devtools.send("Input.dispatchDragEvent", {"type": kind, **middle, "data": carried})

    def analyse(self) -> None:
        self.page.click("#analyse")
        # The card's own state, and not its text: progress comes and goes in the same place.
        self.page.wait_for_selector(ANSWERED)
        self.page.wait_for_selector("#get-json:visible")

    def tab(self, name: str) -> None:
        tab = self.page.get_by_role("tab", name=name, exact=True)
        if not tab.is_visible():
            self.page.locator(".overflow-menu > button").first.click()
            self.page.locator(".overflow-dropdown button", has_text=name).click()
        else:
            tab.click()

    def shot(self, name: str) -> None:
        _SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=_SHOTS / f"{name}.png", full_page=True)

    def misfits(self, width: int) -> list[str]:
        """What runs out of the window, or is squeezed to a letter a line; boxes that scroll may hold more."""
        found: list[str] = self.page.evaluate(_MISFITS, width)
        return found

    def assert_quiet(self) -> None:
        assert self.foreign == []
        assert self.complaints == []
        self.context.close()


def start(playwright: Playwright, *more: str) -> Browser:
    """Chromium of this machine, with further options."""
    program = str(CHROMIUM) if CHROMIUM.is_file() else shutil.which("chromium")
    return playwright.chromium.launch(executable_path=program, args=[*_QUIET, *more])
