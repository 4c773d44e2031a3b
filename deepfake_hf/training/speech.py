"""Training of audio detectors that see spectrograms, on genuine speech against its own copy-synthesis."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from deepfake_hf.evaluation.metrics import auc, equal_error_rate
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.models.modeling_audio import AudioDetectorForAudioClassification
from deepfake_hf.processing import SpectrogramFeatureExtractor
from deepfake_hf.training.config import TrainConfig
from deepfake_hf.training.model_start import settings_of, start_of_run
from deepfake_hf.training.speech_batches import Twins, TwinSampler, read_twins
from deepfake_hf.training.speech_data import GENUINE, SAMPLING_RATE
from deepfake_hf.training.speech_evaluation import score_twins, write_report
from deepfake_hf.training.stage import HeldOut, Loss, Stage, data_options, margin_figures

# Shares of the steps between which codecs and augmentation come in.
_RAMP: Final = (0.15, 0.5)
_P_REBUILD, _P_CODEC, _P_AUGMENT = 0.3, 0.3, 0.35
# Their magnitudes are nearly the genuine ones: they stay out of training and of the choice on dev, and are reported.
_EXCLUDED: Final = ("griffin_lim_linear", "phase_drift")


class TwinStage(Stage):
    """A unit is a stretch of speech, genuine and as a vocoder made it. Beside the cross entropy a ranking loss: the
    fake must score above its own genuine twin."""

    uses: ClassVar[frozenset[str]] = data_options("source path balance batch window_s leave_out") | {
        "loss.label_smoothing",
        "loss.pair_weight",
    }

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        data, leave_out = config.data, config.data.leave_out
        self.model, self.extractor = start_of_run(config, ("audio",))
        twins = read_twins(data.path, "train", leave_out)
        self.steps_per_epoch = max(1, len(twins) // data.batch)
        ramp = (round(_RAMP[0] * self.steps), round(_RAMP[1] * self.steps))
        self.sampler = TwinSampler(
            twins, config.seed, data.window_s, _P_CODEC, _P_AUGMENT,
            ramp, _EXCLUDED, _P_REBUILD, leave_out != "griffin_lim",
        )  # fmt: skip
        items = [(item, name) for item in read_twins(data.path, "dev", leave_out) for name in item.waves]
        labels = np.array([REAL if name == GENUINE else FAKE for _, name in items], np.int64)
        self.dev = HeldOut("dev", items, labels, [item.clip.speaker for item, _ in items])

    def units(self, step: int) -> Sequence[tuple[int, int]]:
        return [(step, group) for group in range(self.config.data.batch)]

    def make(self, key: tuple[int, int]) -> Any:
        return self.sampler.pair(*key)

    def collate(self, made: list[Any]) -> dict[str, Any]:
        """Genuine and fake by turns: ``input_values``, ``attention_mask`` and ``labels`` int64 (2 * groups,)."""
        waves = [wave for pair in made for wave in pair]
        inputs = self.extractor(waves, sampling_rate=SAMPLING_RATE, return_tensors="pt")
        return {**inputs, "labels": torch.tensor([REAL, FAKE] * len(made))}

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Loss:
        labels = batch["labels"]
        logits = model(**{key: value for key, value in batch.items() if key != "labels"}).logits.float()
        settings = self.config.loss
        loss = nn.functional.cross_entropy(logits, labels, label_smoothing=settings.label_smoothing)
        margins = (logits[:, FAKE] - logits[:, REAL]).view(-1, 2)  # (groups, genuine and fake)
        ranking = nn.functional.softplus(margins[:, 0] - margins[:, 1]).mean()
        return loss + settings.pair_weight * ranking, {"loss_ranking": float(ranking.detach())}

    def score(self, model: Any, items: Sequence[tuple[Twins, str]], step: int) -> NDArray[np.float64]:
        """The mean margin over each clean wave's windows."""
        wanted: dict[str, tuple[Twins, set[str]]] = {}
        for item, name in items:
            wanted.setdefault(item.clip.name, (item, set()))[1].add(name)
        scored = [
            one for item, names in wanted.values() for one in score_twins(model, self.extractor, [item], only=names)
        ]
        margins = {(one.clip, one.generator): one.logit for one in scored}
        return np.array([margins[item.clip.name, name] for item, name in items])

    def figures(self, scores: NDArray[np.float64], held: HeldOut, step: int) -> dict[str, float]:
        """AUC and EER as means over generators; ``loss`` is EER and 1 - AUC together, which the best weights go by."""
        whole = margin_figures(held.labels, scores)
        names = np.array([name for _, name in held.items])
        real = scores[names == GENUINE]
        means: dict[str, float] = {}
        for key, measure in (("auc", auc), ("eer", equal_error_rate)):
            found = []
            for name in sorted(set(names) - {GENUINE, *_EXCLUDED}):
                fake = scores[names == name]
                labels = np.repeat([REAL, FAKE], [len(real), len(fake)])
                found.append(measure(labels, np.concatenate((real, fake))))
            means[key] = float(np.mean(found))
        return {**whole, **means, "loss": means["eer"] + 1.0 - means["auc"]}

    def interval(self, scores: NDArray[np.float64], held: HeldOut) -> dict[str, Any]:
        return {"part": held.name}

    def save_processor(self, folder: Path) -> None:
        self.extractor.save_pretrained(folder)


def report_twins(run: Path) -> dict[str, Any]:
    """Score ``dev`` and ``validation`` with the best weights of a run: ``scores_*.csv``, and ``metrics.json`` anew.

    Returns:
        As of :func:`~deepfake_hf.training.speech_evaluation.write_report`.
    """
    settings = settings_of(run)
    model = AudioDetectorForAudioClassification.from_pretrained(run / "model").eval()
    extractor = SpectrogramFeatureExtractor.from_pretrained(run / "model")
    own = json.loads((run / "metrics.json").read_text())
    facts = {"steps": own["steps"], "seconds": own["seconds"], "recipe": settings}
    data = settings["data"]
    return write_report(data["path"], run, model, extractor, data["leave_out"], facts)
