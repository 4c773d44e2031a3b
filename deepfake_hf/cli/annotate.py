"""``deepfake-hf annotate``: a video with its verdict drawn in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deepfake_hf.cli.detect import DetectOptions
from deepfake_hf.cli.terminal import DONE, SOME_UNREADABLE, plain_errors, progress

if TYPE_CHECKING:
    from deepfake_hf.cli.case_maps import MovingMaps
    from deepfake_hf.detector import Detector
    from deepfake_hf.media import Limits
    from deepfake_hf.types import DetectionResult, Frame


def run(file: Path, out: Path, options: DetectOptions, maps: bool = False) -> int:
    """Do the command; returns its exit status."""
    from deepfake_hf.errors import UsageError

    with plain_errors():
        if out.resolve() == file.resolve():
            raise UsageError(f"{out}", "it is the file that is read", "name another file to write")
        with progress(file.name, options.quiet) as tell:
            detector = options.detector()
            under = _maps_under(detector) if maps else None
            result = detector.detect(
                file,
                sampling=options.sampling(),
                threshold=options.threshold,
                progress=lambda share, _: tell(round(50 * share), 100),
            )
            if result.status in ("unreadable", "unsupported"):
                typer.echo(result.reason, err=True)
                return SOME_UNREADABLE
            draw(file, out, result, detector, options.limits(), lambda done, total: tell(50 + done // 2, total), under)
    if not options.quiet:
        typer.echo(f"{result.verdict or result.status}: {out}")
    return DONE


def draw(
    file: Path,
    out: Path,
    result: DetectionResult,
    detector: Detector,
    limits: Limits,
    tell: Callable[[int, int], None],
    under: MovingMaps | None = None,
) -> None:
    """Write a video with a result drawn in.

    Args:
        file: The video.
        out: Where to.
        result: What was found in it.
        detector: Which found it; says the limits of each branch.
        limits: As in the analysis.
        tell: Called with percent done and 100.
        under: Heat maps below the boxes; None: none.

    Raises:
        UsageError: The file has no moving picture.
    """
    from deepfake_hf.errors import UsageError
    from deepfake_hf.media import EveryNth, probe, read_frames, write_video
    from deepfake_hf.report.annotate import Annotator
    from deepfake_hf.types import MediaKind

    info = probe(file, limits)
    if info.kind is not MediaKind.VIDEO or info.width_px is None or info.height_px is None:
        why = f"it is a {info.kind.value} file and has no moving picture"
        raise UsageError(f"{file} cannot be annotated", why, "use `deepfake-hf report` for it")
    annotator = Annotator(result, detector.operating_points(), (info.width_px, info.height_px), under)
    out.parent.mkdir(parents=True, exist_ok=True)
    drawn = _told(annotator.frames(read_frames(file, EveryNth(1), limits=limits, info=info)), info.duration_s, tell)
    write_video(out, drawn, info.fps or 25.0, crf=20, sound_of=file if info.num_audio_streams else None)


def _maps_under(detector: Detector) -> MovingMaps:
    """Raises: UsageError: No kind of map of faces stands for these weights."""
    from deepfake_hf.cli.case_maps import FaceMapper, MovingMaps
    from deepfake_hf.errors import UsageError

    mapper = FaceMapper(detector)
    if mapper.kind is None:
        why = "; ".join(mapper.off) or "these weights have no branch of faces"
        raise UsageError("--maps", why, "leave it out, or score these weights' maps with `deepfake-hf maps-check`")
    return MovingMaps(mapper)


def _told(frames: Iterator[Frame], whole_s: float | None, tell: Callable[[int, int], None]) -> Iterator[Frame]:
    for frame in frames:
        if whole_s:
            tell(min(100, round(100 * frame.pts_s / whole_s)), 100)
        yield frame
