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
    from deepfake_hf.types import Frame


def run(file: Path, out: Path, options: DetectOptions, maps: bool = False) -> int:
    """Do the command; returns its exit status."""
    from deepfake_hf.errors import UsageError
    from deepfake_hf.media import EveryNth, probe, read_frames, write_video
    from deepfake_hf.report.annotate import Annotator
    from deepfake_hf.types import MediaKind

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
            info = probe(file, options.limits())
            if info.kind is not MediaKind.VIDEO or info.width_px is None or info.height_px is None:
                why = f"it is a {info.kind.value} file and has no moving picture"
                raise UsageError(f"{file} cannot be annotated", why, "use `deepfake-hf report` for it")
            annotator = Annotator(result, detector.operating_points(), (info.width_px, info.height_px), under)
            out.parent.mkdir(parents=True, exist_ok=True)
            frames = read_frames(file, EveryNth(1), limits=options.limits(), info=info)
            drawn = _told(annotator.frames(frames), info.duration_s, tell)
            write_video(out, drawn, info.fps or 25.0, crf=20, sound_of=file if info.num_audio_streams else None)
    if not options.quiet:
        typer.echo(f"{result.verdict or result.status}: {out}")
    return DONE


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
            tell(50 + min(50, round(50 * frame.pts_s / whole_s)), 100)
        yield frame
