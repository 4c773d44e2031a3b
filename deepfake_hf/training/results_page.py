"""Run the facade over genuine and swapped media and write ``docs/results.md`` from what it says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepfake_hf.detector import Detector
from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.whole_media import (
    SETS_HEAD,
    auc_line,
    counts_text,
    file_rows,
    join_clips,
    join_sound,
    set_row,
    verdict_counts,
)
from deepfake_hf.training.speech_data import read_clips
from deepfake_hf.types import DetectionResult, Verdict

_FILES_HEAD = "| file | verdict | P(fake) | by branch | coverage |\n|---|---|---|---|---|"


def write_results(
    detector: Detector, video: Path, swaps: Path, speech: Path, cache: Path, work: Path, out: Path
) -> dict[str, Any]:
    """Measure and write.

    Args:
        detector: the bundle to measure.
        video: folder with ``talking`` and ``grid``, genuine clips.
        swaps: folder of face-swapped clips made from them.
        speech: folder of the genuine recordings.
        cache: the twin cache, for which speakers were held out.
        work: scratch folder for joined files.
        out: the page.

    Returns:
        The verdicts on each set in words, for the card, and ``missed``: the files that got another than their own.

    Raises:
        DataError: A folder holds no clips.
    """
    work.mkdir(parents=True, exist_ok=True)

    def run(paths: Sequence[Path]) -> list[DetectionResult]:
        return list(detector.detect_many(sorted(paths)))

    folders = (video / "talking", video / "grid", swaps)
    for folder in folders:
        if not any(folder.glob("*.mp4")):
            raise DataError(f"no clips in {folder}", "it holds no .mp4 file", "name the folder of the clips")
    talking, grid, swapped = (run(list(folder.glob("*.mp4"))) for folder in folders)
    held = sorted({clip.path for clip in read_clips(cache) if clip.split == "validation"})
    recordings = [speech / path for path in held if path.startswith("librispeech")]
    spoken = run(recordings)
    page = [
        "# Results on whole files",
        f"Made by `python train.py results` with the bundle `{detector.bundle.label}` at its default sampling and band "
        "(`fake` at or above the FPR-1 % limit, `real` below the FPR-5 % one). The video folders hold six people; GRID "
        "is one speaker. The swaps are landmark face swaps made by `deepfake-hf synth swap` from these same clips, a "
        "method that was in no training run. None of these clips was used in training, calibration or thresholds, but "
        "false alarms on them led to training on degraded crops: they are no untouched test.",
        "## Sets",
        SETS_HEAD,
        set_row("talking, genuine", talking),
        set_row("GRID, genuine", grid),
        set_row("landmark face swaps of both", swapped),
        set_row("LibriSpeech, held-out speakers, whole recordings", spoken),
        "",
        f"Genuine clips against swaps: {auc_line([*talking, *grid], swapped)}.",
        "## False alarms as the length grows",
        SETS_HEAD,
    ]
    grid_clips = sorted((video / "grid").glob("*.mp4"))
    for seconds, count in ((10, 12), (60, 4), (600, 1)):
        joined = []
        for index in range(count):
            start = index * len(grid_clips) // count
            path = work / f"grid_{seconds}s_{index}.mp4"
            if not path.is_file():
                join_clips([*grid_clips[start:], *grid_clips[:start]], seconds, path)
            joined.append(path)
        page.append(set_row(f"GRID joined, {seconds} s", run(joined)))
    for seconds, count in ((10, 12), (60, 6), (600, 1)):
        joined = []
        for index in range(count):
            start = index * len(recordings) // count
            path = work / f"speech_{seconds}s_{index}.flac"
            if not path.is_file():
                join_sound([*recordings[start:], *recordings[:start]], seconds, path)
            joined.append(path)
        page.append(set_row(f"LibriSpeech held-out speakers joined, {seconds} s", run(joined)))
    page += ["", "## Files", _FILES_HEAD, file_rows(talking), file_rows(swapped)]
    page += ["", "GRID clips that were called `fake`:", "", _FILES_HEAD]
    page.append(file_rows([result for result in grid if result.verdict is Verdict.FAKE]) or "| none | | | | |")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(_spaced(page)) + "\n")
    everything = [*talking, *grid, *swapped, *spoken]
    (work / "results.jsonl").write_text("".join(json.dumps(result.to_dict()) + "\n" for result in everything))
    sets = {"talking": talking, "grid": grid, "swaps": swapped, "speech": spoken}
    missed = [("genuine", Verdict.REAL, [*talking, *grid, *spoken]), ("landmark swap", Verdict.FAKE, swapped)]
    return {
        **{name: f"{len(found)}: {counts_text(verdict_counts(found))}" for name, found in sets.items()},
        "missed": [
            {"file": Path(result.path).name, "is": what, "verdict": str(result.verdict), "p_fake": result.p_fake}
            for what, right, found in missed
            for result in found
            if result.verdict is not right
        ],
    }


def _spaced(lines: Sequence[str]) -> list[str]:
    """Blank lines round headings and before tables."""
    spaced: list[str] = []
    for line in lines:
        if line.startswith(("#", "| set", "| file")) and spaced and spaced[-1] != "":
            spaced.append("")
        spaced.append(line)
        if line.startswith("#"):
            spaced.append("")
    return spaced
