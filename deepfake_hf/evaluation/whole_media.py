"""What the detector says of whole files: verdict tables, false alarms by length, one Markdown page."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from deepfake_hf.evaluation.metrics import auc, auc_with_abstentions, bootstrap_interval
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.media import EveryNth, read_audio, read_frames, write_audio, write_video
from deepfake_hf.types import AudioTrack, DetectionResult, Frame, Status, Verdict

Detect = Callable[[Path], DetectionResult]

SETS_HEAD = (
    "| set | files | verdicts | share scored | called fake | P(fake) 5 % / median / 95 % |\n|---|---|---|---|---|---|"
)


def join_clips(clips: Sequence[Path], seconds: float, out: Path, fps: float = 25.0) -> Path:
    """Join genuine clips of one size, pictures and sound, into one file of ``seconds``; clips repeat where too few.

    Raises:
        UsageError: The clips differ in size.
    """
    rate = 16_000

    def frames() -> Iterator[Frame]:
        count = 0
        for clip in itertools.cycle(clips):
            for frame in read_frames(clip, EveryNth(1)):
                if count >= seconds * fps:
                    return
                yield Frame(frame.rgb, count / fps, count)
                count += 1

    write_video(out, frames(), fps, audio=AudioTrack(_joined_sound(clips, seconds, rate), rate))
    return out


def join_sound(clips: Sequence[Path], seconds: float, out: Path) -> Path:
    """Join genuine recordings into one FLAC file of ``seconds``."""
    write_audio(out, AudioTrack(_joined_sound(clips, seconds, 16_000), 16_000), codec="flac")
    return out


def _joined_sound(clips: Sequence[Path], seconds: float, rate: int) -> np.ndarray:
    parts: list[np.ndarray] = []
    left = int(seconds * rate)
    for clip in itertools.cycle(clips):
        for block in read_audio(clip, rate):
            parts.append(block.waveform[:left])
            left -= len(parts[-1])
        if left <= 0:
            return np.concatenate(parts)
    raise AssertionError("unreachable: itertools.cycle ends only where there is no clip")


def verdict_counts(results: Sequence[DetectionResult]) -> dict[str, int]:
    """How often each verdict, or status where there is none, was given: for example ``{"real": 12, "no_face": 1}``."""
    return dict(Counter(str(result.verdict or result.status) for result in results).most_common())


def counts_text(counts: dict[str, int]) -> str:
    """For example ``12 real, 1 no_face``."""
    return ", ".join(f"{count} {word}" for word, count in counts.items())


def set_row(name: str, results: Sequence[DetectionResult]) -> str:
    """One line of the table over sets: n, verdicts, shares at the limits, mean coverage, quantiles of P(fake)."""
    scored = [result for result in results if result.p_fake is not None]
    start = f"| {name} | {len(results)} | {counts_text(verdict_counts(results))} |"
    start += f" {len(scored) / max(1, len(results)):.2f} |"
    if not scored:
        return f"{start} – | – |"
    fakes = sum(result.verdict is Verdict.FAKE for result in scored)
    low, middle, high = np.quantile([result.p_fake for result in scored], [0.05, 0.5, 0.95])
    return f"{start} {fakes / len(results):.3f} | {low:.3f} / {middle:.3f} / {high:.3f} |"


def auc_line(genuine: Sequence[DetectionResult], fake: Sequence[DetectionResult]) -> str:
    """AUC at file level with its interval, and with abstentions counted as wrong."""
    pairs = [(REAL, result) for result in genuine] + [(FAKE, result) for result in fake]
    scored = [(label, result.p_fake) for label, result in pairs if result.status is Status.SCORED]
    labels, scores = [label for label, _ in scored], [float(p or 0.0) for _, p in scored]
    low, high = bootstrap_interval(labels, scores, np.arange(len(labels)), auc)
    with_gaps = [float("nan") if result.p_fake is None else result.p_fake for _, result in pairs]
    return (
        f"AUC {auc(labels, scores):.3f} ({low:.3f} to {high:.3f}), with abstentions counted as wrong "
        f"{auc_with_abstentions([label for label, _ in pairs], with_gaps):.3f}; "
        f"n = {len(genuine)} genuine, {len(fake)} fake files"
    )


def file_rows(results: Sequence[DetectionResult]) -> str:
    """A Markdown row for each file."""
    rows = []
    for result in results:
        word = str(result.verdict or result.status)
        number = "–" if result.p_fake is None else f"{result.p_fake:.3f}"
        branches = ", ".join(f"{b.branch} {'–' if b.p_fake is None else f'{b.p_fake:.3f}'}" for b in result.branches)
        rows.append(f"| {Path(result.path).name} | {word} | {number} | {branches} | {result.coverage:.2f} |")
    return "\n".join(rows)
