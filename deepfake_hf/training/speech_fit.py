"""Fitting of the speech branch: logistic regression on statistics of genuine speech and its copy-synthesis."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.metrics import auc, equal_error_rate
from deepfake_hf.inference.branch import margins_of
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.models.build import build_model
from deepfake_hf.models.modeling_speech_statistics import SpeechStatisticsForAudioClassification
from deepfake_hf.models.presets import PRESETS
from deepfake_hf.processing.feature_extraction_waveform import WaveformFeatureExtractor
from deepfake_hf.synthesis.vocoders import FAMILIES
from deepfake_hf.training.speech_batches import read_twins
from deepfake_hf.training.speech_data import GENUINE
from deepfake_hf.training.speech_evaluation import leave_one_out, score_twins, write_report
from deepfake_hf.training.speech_table import SpeechTable, read_table

PRESET: Final = "lite_speech"
_FULL_SHARE: Final = 0.7  # of the genuine rows: a family with so many rows counts in full


@dataclass(frozen=True)
class FitRecipe:
    """``inverse_penalty`` is scikit-learn's C.

    ``coded_weight`` is what a row that went through a codec weighs beside a clean one: more finds more coded fakes and
    fewer clean ones of generators left out. ``side_weight`` is how far the sizes of a two-sided model's statistics are
    taken in before the penalty: the less, the dearer they are beside the statistics themselves. ``voices`` takes
    text-to-speech in.
    """

    inverse_penalty: float = 0.004
    coded_weight: float = 0.1
    side_weight: float = 0.5
    voices: bool = True
    max_iterations: int = 300


def row_weights(family: NDArray[np.str_]) -> NDArray[np.float64]:
    """Genuine and fake weigh the same, families among the fakes too, but for small ones, which weigh as their share.

    Args:
        family: (N,), ``genuine`` or a family's name.

    Returns:
        float64 (N,), mean 1.
    """
    genuine = family == GENUINE
    full = _FULL_SHARE * genuine.sum()
    names = [str(name) for name in np.unique(family[~genuine])]
    shares = {name: min(1.0, float((family == name).sum()) / full) for name in names}
    weights = np.where(genuine, 0.5 / genuine.sum(), 0.0)
    for name, share in shares.items():
        rows = family == name
        weights[rows] = 0.5 * share / sum(shares.values()) / rows.sum()
    return weights * len(family)


def fit_model(
    table: SpeechTable, recipe: FitRecipe, leave_out: str | None = None
) -> SpeechStatisticsForAudioClassification:
    """Fit the head on the rows of a table.

    Raises:
        DataError: The table has no genuine row, or no fake one.
    """
    rows = table.family != (leave_out or "")
    if not recipe.voices:
        rows &= (table.family == GENUINE) | np.isin(table.family, list(FAMILIES.values()))
    family = table.family[rows]
    genuine = family == GENUINE
    if not genuine.any() or genuine.all():
        raise DataError("the speech detector can't be fitted", "genuine rows or fakes are missing", "finish the cache")
    values = table.values[rows]
    real = values[genuine].astype(np.float64)
    model = build_model(PRESET)
    assert isinstance(model, SpeechStatisticsForAudioClassification)
    with torch.no_grad():
        model.centre.copy_(torch.from_numpy(real.mean(0)))
        model.spread.copy_(torch.from_numpy(real.std(0) + 1e-3))
        seen = model.sides(model.standardise(torch.from_numpy(values))).numpy()
        size = values.shape[1]
        seen[:, size:] *= recipe.side_weight
        fit = LogisticRegression(C=recipe.inverse_penalty, max_iter=recipe.max_iterations)
        weights = row_weights(family) * np.where(table.coded[rows], recipe.coded_weight, 1.0)
        fit.fit(seen, ~genuine, sample_weight=weights)
        weight, bias = torch.from_numpy(fit.coef_[0]), float(fit.intercept_[0])
        weight[size:] *= recipe.side_weight
        for label, sign in ((REAL, -0.5), (FAKE, 0.5)):
            model.classifier.weight[label] = sign * weight
            model.classifier.bias[label] = sign * bias
    model.config.weights_origin = "trained"
    return model.eval()


def fit_speech(
    cache_dir: str | Path, out_dir: str | Path, recipe: FitRecipe | None = None, leave_out: str | None = None
) -> dict[str, Any]:
    """Fit, then score ``dev`` and ``validation``.

    Args:
        cache_dir: The twin cache, with ``voices`` in it where there are any.
        out_dir: Gets ``best/`` (model, processor), the scores and ``metrics.json``.
        recipe: Settings.
        leave_out: A generator family that is not fitted; ``validation`` then reports it.

    Returns:
        What ``metrics.json`` holds.
    """
    recipe, out_dir, started = recipe or FitRecipe(), Path(out_dir), time.monotonic()
    table = read_table(cache_dir)
    model = fit_model(table, recipe, leave_out)
    extractor = WaveformFeatureExtractor(**PRESETS[PRESET].processor)
    model.save_pretrained(out_dir / "best")
    extractor.save_pretrained(out_dir / "best")
    facts = {"seconds": round(time.monotonic() - started, 1), "recipe": {"preset": PRESET, **asdict(recipe)}}
    facts["rows"] = {str(name): int((table.family == name).sum()) for name in np.unique(table.family)}
    return write_report(cache_dir, out_dir, model, extractor, leave_out, facts)


def fit_each_left_out(cache_dir: str | Path, out_dir: str | Path, recipe: FitRecipe | None = None) -> dict[str, Any]:
    """Leave each vocoder family out in turn, and each family of voices; write ``loo.json``.

    A voice has no genuine twin: a stretch of each of its sentences is compared with the genuine utterances of
    ``validation``.
    """
    recipe = recipe or FitRecipe()
    result = leave_one_out(lambda folder, family: fit_speech(cache_dir, folder, recipe, family), out_dir)
    table = read_table(cache_dir)
    voices = sorted({str(name) for name in table.family} - {GENUINE, *FAMILIES.values()})
    held = read_twins(cache_dir, "validation")
    extractor = WaveformFeatureExtractor(**PRESETS[PRESET].processor)
    result["voices"] = {}
    for name in voices if recipe.voices else []:
        model = fit_model(table, recipe, name)
        real = [score.logit for score in score_twins(model, extractor, held, only=set())]
        rows = (table.family == name) & ~table.coded
        fake = _margins(model, table.values[rows])
        truth = np.repeat([REAL, FAKE], [len(real), len(fake)])
        margins = np.concatenate((real, fake))
        result["voices"][name] = {
            "eer": round(equal_error_rate(truth, margins), 4),
            "auc": round(auc(truth, margins), 4),
            "num_real": len(real),
            "num_fake": len(fake),
        }
    (Path(out_dir) / "loo.json").write_text(json.dumps(result, indent=1))
    return result


def _margins(model: SpeechStatisticsForAudioClassification, values: NDArray[np.float32]) -> NDArray[np.float64]:
    with torch.inference_mode():
        logits = model.classifier(model.sides(model.standardise(torch.from_numpy(values))))
    return margins_of(logits)
