"""``deepfake-hf gallery``: reports on the project's own media, photographed on broad and narrow screens."""

from __future__ import annotations

import io
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from deepfake_hf.cli.terminal import plain_errors, progress

if TYPE_CHECKING:
    from PIL.Image import Image

    from deepfake_hf.types import DetectionResult

_BROAD_PX, _NARROW_PX = 1160, 500
_BROAD_TALL_PX, _NARROW_TALL_PX = 4600, 5600  # what a lay person reads; below it come tables for experts
_SHRUNK: Final = 0.76
_QUALITY: Final = 45
_TIMEOUT_S: Final = 180


def gallery(
    out: Annotated[Path, typer.Argument(help="Folder for README.md and its pictures.")],
    work: Annotated[
        Path | None, typer.Option(help="Keep the media, pages and records here; default: thrown away.")
    ] = None,
    bundle: Annotated[str | None, typer.Option(help="Weights: a folder or a Hub id; default: in the box.")] = None,
) -> None:
    """Make six media of the project's own material, report on each and photograph the pages by a Chromium.

    Exit status: 0 done, 2 bad usage.
    """
    with plain_errors():
        from deepfake_hf.report.pdf import find_browser

        browser = find_browser()
        if work is not None:
            _make(out, work, bundle, browser)
            return
        with tempfile.TemporaryDirectory(prefix="deepfake_hf_") as folder:
            _make(out, Path(folder), bundle, browser)


def _make(out: Path, work: Path, bundle: str | None, browser: str) -> None:
    from deepfake_hf.cli.detect import DetectOptions
    from deepfake_hf.cli.report import examine, write_case
    from deepfake_hf.report.record import write_record
    from deepfake_hf.synthesis.gallery import make_gallery_media

    out.mkdir(parents=True, exist_ok=True)
    parts = [_INTRO]
    with progress("gallery") as tell:
        media = make_gallery_media(work)
        for place, (path, truth) in enumerate(media):
            tell(place, len(media))
            examined = examine(path, DetectOptions(bundle=bundle), maps=True)
            page = path.with_suffix(".html")
            write_case(page, examined)
            write_record(path.with_suffix(".json"), examined.record)
            broad, narrow = f"{path.stem}.webp", f"{path.stem}_narrow_dark.webp"
            for name, size_wh in ((broad, (_BROAD_PX, _BROAD_TALL_PX)), (narrow, (_NARROW_PX, _NARROW_TALL_PX))):
                picture = photograph(browser, page, size_wh, dark=name == narrow)
                small = picture.resize([round(_SHRUNK * side) for side in picture.size])
                small.save(out / name, quality=_QUALITY, method=6)
            parts.append(_entry(path.stem, truth, examined.result, broad, narrow))
        parts.append(f"Weights: `{examined.result.weights}`.\n")
    (out / "README.md").write_text("\n".join(parts), encoding="utf-8")
    typer.echo(f"{len(media)} reports: {out / 'README.md'}")


def photograph(browser: str, page: Path, size_wh: tuple[int, int], dark: bool) -> Image:
    """The upper part of a page.

    Args:
        browser: As of ``report.pdf.find_browser``.
        page: HTML file.
        size_wh: Width and height of the screen, pixels; 500 wide at least, the narrowest window Chromium opens.
        dark: As a screen that prefers dark colours shows it.

    Raises:
        UsageError: The browser made no picture.
    """
    from PIL import Image

    from deepfake_hf.errors import UsageError

    with tempfile.TemporaryDirectory(prefix="deepfake_hf_") as folder:
        made = Path(folder) / "page.png"
        command = [
            browser, "--headless", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--disable-extensions",
            "--disable-background-networking", f"--user-data-dir={folder}/user",
            f"--window-size={size_wh[0]},{size_wh[1]}", f"--screenshot={made}",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}", page.resolve().as_uri(),
        ]  # fmt: skip
        if getattr(os, "geteuid", lambda: 1)() == 0:
            command.insert(1, "--no-sandbox")  # Chromium's sandbox refuses to run as root; the page holds no script
        try:
            subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)
            content = made.read_bytes()
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UsageError(f"{page} cannot be photographed", str(error), "try another Chromium") from None
    return _without_blank_end(Image.open(io.BytesIO(content)).convert("RGB"))


def _without_blank_end(picture: Image) -> Image:
    """Cut below the last row that is not all of one colour, and a margin."""
    import numpy as np

    rows = np.asarray(picture)
    written = np.flatnonzero((rows != rows[:, :1]).any(axis=(1, 2)))
    end = min(picture.height, int(written[-1]) + 40) if len(written) else picture.height
    return picture.crop((0, 0, picture.width, end))


def _entry(name: str, truth: str, result: DetectionResult, broad: str, narrow: str) -> str:
    from deepfake_hf.cli.detect import strongest_stretch
    from deepfake_hf.report.words import score_text

    said = f"{result.verdict or result.status}, P(fake) {score_text(result.p_fake)}"
    found = strongest_stretch(result)
    if found is not None and result.duration_s is not None:
        who = "the sound" if found.track is None else f"face {found.track}"
        said += f"; most suspicious: {who} from {found.start_s:.1f} to {found.end_s:.1f} s"
    return (
        f"## {name[2:].replace('_', ' ').capitalize()}\n\n{truth} **The report says: {said}.**\n\n"
        f"[On a broad, light screen]({broad}) · [on a narrow, dark one]({narrow})\n"
    )


_INTRO: Final = """# Gallery

Reports on six media of this project's own material (scikit-image's portrait of Eileen Collins, NASA, and matplotlib's
of Grace Hopper, U.S. Navy, both in the public domain; the speech sample of useful-moonshine-onnx, MIT), made and
photographed by

```
deepfake-hf gallery docs/gallery
```

What the reports say is what these weights find, right or wrong. One case of each kind is no measurement:
that stands in the [model card](../../model_card.md).
"""
