"""Scores of the twin cache: mean logit over windows for each utterance, EER and AUC for each generator."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from transformers import PreTrainedModel, SequenceFeatureExtractor

from deepfake_hf.evaluation.metrics import auc, equal_error_rate
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.synthesis.vocoders import FAMILIES
from deepfake_hf.training.speech_batches import Twins, read_twins
from deepfake_hf.training.speech_data import GENUINE, SAMPLING_RATE

LEAVE_OUT: Final = {"hifigan": "hifigan", "world": "world", "griffin_lim": "griffin_lim"}  # family: its generator


@dataclass(frozen=True)
class UtteranceScore:
    """``logit`` is the mean of ``window_logits`` (logit_fake); ``version`` 0 is clean, 1 has been through a codec."""

    clip: str
    speaker: str
    split: str
    generator: str
    label: int
    version: int
    logit: float
    window_logits: tuple[float, ...]


def windows_of(num_samples: int, window: int, hop: int) -> list[tuple[int, int]]:
    """Windows that cover the whole clip; the last one ends at its end. A short clip is one window."""
    if num_samples <= window:
        return [(0, num_samples)]
    starts = list(range(0, num_samples - window, hop)) + [num_samples - window]
    return [(start, start + window) for start in starts]


@torch.inference_mode()
def score_twins(
    model: PreTrainedModel,
    extractor: SequenceFeatureExtractor,
    twins: Sequence[Twins],
    versions: Sequence[int] = (0,),
    only: set[str] | None = None,
    window_s: float = 2.5,
    hop_s: float = 1.0,
) -> list[UtteranceScore]:
    """Score every utterance within its speech (leading and trailing silence is cut off).

    Args:
        only: Generators to score beside the genuine ones; None for all.
        versions: 0 for clean waves, 1 for codec versions.
    """
    was_training = model.training
    model.eval()
    scores = []
    for item in twins:
        first, end = item.clip.speech
        pieces, keys = [], []
        for name, waves in item.waves.items():
            if only is not None and name != GENUINE and name not in only:
                continue
            for version in versions:
                if version >= len(waves):
                    continue
                wave = item.wave(name, version)[first:end]
                spans = windows_of(len(wave), int(window_s * SAMPLING_RATE), int(hop_s * SAMPLING_RATE))
                keys.append((name, version, len(spans)))
                pieces += [wave[a:b] for a, b in spans]
        inputs = extractor(pieces, sampling_rate=SAMPLING_RATE, return_tensors="pt")
        logits = model(**inputs).logits.float()
        fake = (logits[:, FAKE] - logits[:, REAL]).numpy()
        at = 0
        for name, version, count in keys:
            part = fake[at : at + count]
            at += count
            label = REAL if name == GENUINE else FAKE
            row = (item.clip.name, item.clip.speaker, item.clip.split, name, label, version)
            scores.append(UtteranceScore(*row, float(part.mean()), tuple(float(v) for v in part)))
    model.train(was_training)
    return scores


def summarise(scores: Sequence[UtteranceScore], version: int = 0) -> dict[str, dict[str, Any]]:
    """EER, AUC and counts for each generator against all genuine clips of the same version, and for ``all``."""
    rows = [score for score in scores if score.version == version]
    real = np.asarray([score.logit for score in rows if score.label == REAL])
    names = sorted({score.generator for score in rows if score.label == FAKE})
    found = {}
    for name in [*names, "all"]:
        fake = np.asarray([s.logit for s in rows if s.label == FAKE and name in (s.generator, "all")])
        if not len(real) or not len(fake):
            continue
        truth = np.concatenate([np.full(len(real), REAL), np.full(len(fake), FAKE)])
        logits = np.concatenate([real, fake])
        found[name] = {
            "eer": round(equal_error_rate(truth, logits), 4),
            "auc": round(auc(truth, logits), 4),
            "num_real": len(real),
            "num_fake": len(fake),
        }
    return found


def write_report(
    cache_dir: str | Path,
    out_dir: Path,
    model: PreTrainedModel,
    extractor: SequenceFeatureExtractor,
    leave_out: str | None,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Score ``dev`` and ``validation`` and write ``scores_<split>.csv`` and ``metrics.json``.

    Args:
        cache_dir: The twin cache.
        out_dir: The run's folder.
        model: The trained model.
        extractor: Its processor.
        leave_out: The generator family that training did not see. Then it alone is scored beside the genuine clips,
            and its figures are gathered under ``left_out``.
        facts: What else ``metrics.json`` shall say of the run.

    Returns:
        What ``metrics.json`` holds.
    """
    metrics: dict[str, Any] = {"leave_out": leave_out, **facts}
    own = None if leave_out is None else {name for name, family in FAMILIES.items() if family == leave_out}
    for split in ("dev", "validation"):
        scores = score_twins(model, extractor, read_twins(cache_dir, split), (0, 1), own)
        write_scores(out_dir / f"scores_{split}.csv", scores)
        clean, coded = summarise(scores, 0), summarise(scores, 1)
        metrics[split] = {"clean": clean, "codec": coded}
        if own is not None:
            metrics[split]["left_out"] = {name: clean[name] for name in clean if name in own}
            metrics[split]["left_out_codec"] = {name: coded[name] for name in coded if name in own}
    (out_dir / "metrics.json").write_text(json.dumps(metrics, indent=1))
    return metrics


def leave_one_out(train: Callable[[Path, str], dict[str, Any]], out_dir: str | Path) -> dict[str, Any]:
    """Train once without each family of ``LEAVE_OUT`` and gather the figures in ``loo.json``.

    Args:
        train: Takes a folder and the family to leave out, gives what :func:`write_report` gave.
        out_dir: Gets a folder ``without_<family>`` for each run.
    """
    out_dir = Path(out_dir)
    runs = {family: train(out_dir / f"without_{family}", family) for family in LEAVE_OUT}
    eers = {family: runs[family]["validation"]["left_out"][name]["eer"] for family, name in LEAVE_OUT.items()}
    result = {
        "mean_eer": round(float(np.mean(list(eers.values()))), 4),
        "worst_eer": max(eers.values()),
        "eer": eers,
        "left_out": {family: runs[family]["validation"]["left_out"] for family in runs},
        "left_out_codec": {family: runs[family]["validation"]["left_out_codec"] for family in runs},
    }
    (out_dir / "loo.json").write_text(json.dumps(result, indent=1))
    return result


def write_scores(path: str | Path, scores: Sequence[UtteranceScore]) -> None:
    """One line an utterance; ``window_logits`` joined by blanks."""
    with Path(path).open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["clip", "speaker", "split", "generator", "label", "version", "logit", "window_logits"])
        for s in scores:
            windows = " ".join(f"{value:.4f}" for value in s.window_logits)
            table.writerow([s.clip, s.speaker, s.split, s.generator, s.label, s.version, f"{s.logit:.4f}", windows])
