"""Whether looking at a few frames a second answers what the naive pipeline with the same weights answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepfake_hf.detector import Detector
from deepfake_hf.evaluation.bench_naive import naive_detect
from deepfake_hf.evaluation.metrics import auc
from deepfake_hf.inference.conclude import Concluder
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.types import DetectionResult


@dataclass(frozen=True)
class Pair:
    """One clip: the face branch's P(fake), None where it has none, and word, of both; seconds that each took."""

    path: str
    label: int
    ours: float | None
    naive: float | None
    our_word: str
    naive_word: str
    our_s: float
    naive_s: float


def check(
    detector: Detector, genuine: Sequence[Path], fake: Sequence[Path], tell: Callable[[int, int], None]
) -> dict[str, Any]:
    """Compare on whole clips, the faces' answer alone.

    Args:
        detector: Ours, whose face detector and face branch the naive pipeline takes.
        genuine: Clips.
        fake: Clips.
        tell: Called with how many are done and how many there are.

    Returns:
        ``pairs``, and of those that both scored: ``auc_ours`` and ``auc_naive`` (None without both classes),
        ``auc_difference``, ``genuine_words_differ`` and ``fake_words_differ`` of how many, ``largest_difference`` of
        P(fake), ``times_faster`` (total seconds of both, ours with sound).
    """
    concluder = Concluder(detector.bundle.calibrations, detector.bundle.label)
    items = [(path, REAL) for path in genuine] + [(path, FAKE) for path in fake]
    pairs = []
    assert detector.face_branch is not None
    for done, (path, label) in enumerate(items):
        tell(done, len(items))
        ours = detector.detect(path)
        naive = naive_detect(path, detector.face_detector, detector.face_branch, concluder)
        pairs.append(Pair(path.name, label, *_answers(ours, naive), ours.seconds or 0.0, naive.seconds or 0.0))
    tell(len(items), len(items))
    return summary(pairs)


def _answers(ours: DetectionResult, naive: DetectionResult) -> tuple[float | None, float | None, str, str]:
    faces = [next((branch for branch in result.branches if branch.branch == "face"), None) for result in (ours, naive)]
    scores = [None if face is None else face.p_fake for face in faces]
    words = ["none" if face is None else str(face.verdict or face.status) for face in faces]
    return scores[0], scores[1], words[0], words[1]


def summary(pairs: Sequence[Pair]) -> dict[str, Any]:
    """What :func:`check` returns."""
    both = [pair for pair in pairs if pair.ours is not None and pair.naive is not None]
    labels = [pair.label for pair in both]
    aucs: list[float | None] = [None, None]
    if len(set(labels)) == 2:
        aucs = [
            auc(labels, [pair.ours or 0.0 for pair in both]),
            auc(labels, [pair.naive or 0.0 for pair in both]),
        ]
    differ = {label: [p for p in pairs if p.label == label and p.our_word != p.naive_word] for label in (REAL, FAKE)}
    return {
        "genuine": sum(pair.label == REAL for pair in pairs),
        "fake": sum(pair.label == FAKE for pair in pairs),
        "scored_by_both": len(both),
        "auc_ours": aucs[0],
        "auc_naive": aucs[1],
        "auc_difference": None if aucs[0] is None or aucs[1] is None else abs(aucs[0] - aucs[1]),
        "genuine_words_differ": len(differ[REAL]),
        "fake_words_differ": len(differ[FAKE]),
        "largest_difference": max((abs((p.ours or 0.0) - (p.naive or 0.0)) for p in both), default=None),
        "times_faster": sum(p.naive_s for p in pairs) / max(sum(p.our_s for p in pairs), 1e-9),
        "pairs": [asdict(pair) for pair in pairs],
    }
