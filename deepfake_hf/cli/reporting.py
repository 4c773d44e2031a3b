"""The options of ``deepfake-hf report``, ``verify``, ``annotate`` and ``live``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepfake_hf.cli.evaluation import Bundle, Device, Every, Fps, Frames, MaxMinutes, Quiet, Runtime

Medium = Annotated[Path, typer.Argument(help="A video, picture or sound file.", metavar="FILE")]
Threshold = Annotated[str, typer.Option(help="Limit for the word fake: fpr1, fpr5 or a P(fake).")]


def report(
    file: Medium,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page, one self-contained HTML file.")] = Path(
        "report.html"
    ),
    json: Annotated[Path | None, typer.Option(help="Also write the record that `verify` reads.")] = None,
    pdf: Annotated[
        Path | None, typer.Option(help="Also print the page to this file, by a Chromium on the PATH.")
    ] = None,
    maps: Annotated[
        bool, typer.Option(help="Heat maps of suspicious faces and of sound, of the kinds that have passed.")
    ] = True,
    threshold: Threshold = "fpr1",
    every: Every = None,
    fps: Fps = None,
    frames: Frames = None,
    device: Device = None,
    runtime: Runtime = "auto",
    bundle: Bundle = None,
    max_minutes: MaxMinutes = None,
    quiet: Quiet = False,
) -> None:
    """Analyse one medium and write a report: the verdict and why, through time, faces, provenance, settings.

    Exit status: 0 done (whatever the verdict), 2 bad usage, 3 the file could not be read (the report says why).
    """
    from deepfake_hf.cli.detect import DetectOptions
    from deepfake_hf.cli.report import run

    options = DetectOptions(None, threshold, every, fps, frames, device, runtime, bundle, max_minutes, quiet)
    raise typer.Exit(run(file, out, json, pdf, options, maps))


def verify(
    record: Annotated[Path, typer.Argument(help="What `report --json` wrote.", metavar="REPORT.json")],
    file: Medium,
    bundle: Annotated[
        str | None, typer.Option(help="The weights, where they lie elsewhere than when the report was made.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Run a report again and say whether it reproduces.

    Finds an edited report, another input, other weights and other answers. On the same versions and machine all digits
    must agree; on others P(fake) to within 0.01, with the same verdict.

    Exit status: 0 reproduced, 1 not reproduced, 2 bad usage.
    """
    from deepfake_hf.cli.verify import run

    raise typer.Exit(run(record, file, bundle, quiet))


def annotate(
    file: Annotated[Path, typer.Argument(help="A video.", metavar="IN")],
    out: Annotated[Path, typer.Argument(help="The video to write: mp4, mov or mkv.", metavar="OUT.mp4")],
    maps: Annotated[
        bool, typer.Option("--maps", help="Lay heat maps over faces that are not called real (about 1 s each frame).")
    ] = False,
    threshold: Threshold = "fpr1",
    every: Every = None,
    fps: Fps = None,
    frames: Frames = None,
    device: Device = None,
    runtime: Runtime = "auto",
    bundle: Bundle = None,
    max_minutes: MaxMinutes = None,
    quiet: Quiet = False,
) -> None:
    """Write a video with boxes around faces and a strip of scores over time; sound and times are kept.

    Green and the word real, red and fake, grey and uncertain: the reading of each face at that moment, half a second to
    each side. The strip shows every second of each face and of the sound, and the verdict on the whole file. With
    --maps heat maps move along with the faces; only a kind that has passed its check is drawn (docs/maps.md).

    Exit status: 0 done, 2 bad usage, 3 the file could not be read.
    """
    from deepfake_hf.cli.annotate import run
    from deepfake_hf.cli.detect import DetectOptions

    options = DetectOptions(None, threshold, every, fps, frames, device, runtime, bundle, max_minutes, quiet)
    raise typer.Exit(run(file, out, options, maps))


def live(
    camera: Annotated[
        str | None, typer.Option(help="A camera's number, or a device or address such as /dev/video2 or rtsp://….")
    ] = None,
    input: Annotated[Path | None, typer.Option(help="A file, played at its own pace as if it came from a camera.")] = (
        None
    ),
    output: Annotated[
        Path | None, typer.Option(help="Write into this video (mp4, mov or mkv) instead of a window.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="End after so many seconds of the source.", min=0.1)] = None,
    threshold: Threshold = "fpr1",
    device: Device = None,
    runtime: Runtime = "auto",
    bundle: Bundle = None,
    max_minutes: MaxMinutes = None,
    quiet: Quiet = False,
) -> None:
    """Watch a camera (the first one, unless said otherwise) or a file live, with each face's reading of the last 2 s.

    Boxes are green with the word real, red with fake, grey with uncertain. Faces are searched and scored up to five
    times a second and tracked between. What comes too late is dropped; delay and drops stand in the corner and are said
    at the end. In the window q ends, Ctrl+C ends either way.

    Exit status: 0 done, 2 bad usage, 3 the camera or the file could not be read.
    """
    from deepfake_hf.cli.detect import DetectOptions
    from deepfake_hf.cli.live import LiveOptions, run

    options = DetectOptions(None, threshold, None, None, None, device, runtime, bundle, max_minutes, quiet)
    raise typer.Exit(run(LiveOptions(camera, input, output, seconds), options))
