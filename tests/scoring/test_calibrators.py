"""Temperature, Platt and isotonic: fitted, applied, turned back; and the same in the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from deepfake_hf.errors import DataError
from deepfake_hf.models.configuration_frame import FrameDetectorConfig
from deepfake_hf.models.layers_calibration import calibrated_logits
from deepfake_hf.scoring.calibration import NullDistribution, margin_of
from deepfake_hf.scoring.calibrators import CALIBRATORS, Calibrator

METHODS = sorted(CALIBRATORS)


def overconfident(n: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """Margins whose true logit is m / 3 + 0.5, with as many fakes as genuine ones on the whole."""
    rng = np.random.default_rng(0)
    margins = rng.normal(-1.5, 4.0, n)
    return margins, (rng.random(n) < 1 / (1 + np.exp(-(margins / 3 + 0.5)))).astype(int)


@pytest.mark.parametrize("method", METHODS)
def test_the_model_applies_what_was_fitted(method: str) -> None:
    margins, labels = overconfident(400)
    config = dict(CALIBRATORS[method](margins, labels))
    calibrator = Calibrator.from_config(config)
    probe = np.linspace(-30, 30, 301)
    logits = torch.tensor(np.stack((-probe / 2, probe / 2), axis=1), dtype=torch.float32)
    made = calibrated_logits(logits, config)
    assert np.allclose((made[:, 1] - made[:, 0]).numpy(), calibrator(probe), atol=1e-4)
    assert np.all(np.diff(calibrator(probe)) > 0)
    assert np.allclose(calibrator.inverse(calibrator(probe)), probe, atol=1e-6)
    kept = FrameDetectorConfig(backbone="test_efficientnet", calibration=config)
    assert FrameDetectorConfig.from_dict(kept.to_dict()).calibration == config


@pytest.mark.parametrize("method", METHODS)
def test_it_mends_overconfidence(method: str) -> None:
    margins, labels = overconfident()
    fitted = Calibrator.from_config(CALIBRATORS[method](margins[::2], labels[::2]))
    p_before, p_after = (1 / (1 + np.exp(-m)) for m in (margins[1::2], fitted(margins[1::2])))
    assert log_loss(labels[1::2], p_after) < 0.75 * log_loss(labels[1::2], p_before)


def test_temperature_is_the_best_one() -> None:
    margins, labels = overconfident()
    weights = np.where(labels == 1, 0.5 / labels.mean(), 0.5 / (1 - labels.mean()))

    def loss(temperature: float) -> float:
        return float(log_loss(labels, 1 / (1 + np.exp(-margins / temperature)), sample_weight=weights))

    best = minimize_scalar(loss, bounds=(0.1, 20), method="bounded").x
    fitted = CALIBRATORS["temperature"](margins, labels)
    assert 1 / fitted["scale"] == pytest.approx(best, rel=1e-3) and fitted["bias"] == 0.0


def test_isotonic_by_hand() -> None:
    # The best rising steps are 1/2 over the margins 1 to 4 (mean 2.5) and, of both sides, 0 and 1; half an item of
    # each class more makes them 0.5 / 3, 1/2 and 2.5 / 3.
    margins, labels = [-2.0, -1.0, 1.0, 2.0, 3.0, 4.0, 6.0, 7.0], [0, 0, 1, 0, 1, 0, 1, 1]
    fitted = CALIBRATORS["isotonic"](margins, labels)
    assert fitted["knots"] == pytest.approx([-1.5, 2.5, 6.5])
    assert fitted["margins"] == pytest.approx(margin_of([1 / 6, 1 / 2, 5 / 6]), abs=3e-3)


@pytest.mark.parametrize("method", METHODS)
def test_swapped_labels_and_one_class_are_refused(method: str) -> None:
    margins, labels = overconfident(200)
    with pytest.raises(DataError, match="Check the labels"):
        CALIBRATORS[method](margins - margins.mean(), 1 - labels)
    with pytest.raises(DataError, match="both classes"):
        CALIBRATORS[method](margins, np.zeros(200, int))


@pytest.mark.parametrize("method", METHODS)
def test_a_mapped_null_keeps_every_mediums_rarity(method: str) -> None:
    margins, labels = overconfident(500)
    calibrator = Calibrator.from_config(CALIBRATORS[method](margins, labels))
    null = NullDistribution.fit(np.random.default_rng(1).normal(-2, 1.5, 1000))
    mapped = null.mapped(calibrator, calibrator.knots)
    for tail in (0.5, 0.05, 0.01):
        assert mapped.margin_at(tail) == pytest.approx(float(calibrator(null.margin_at(tail))), abs=1e-6)


@pytest.mark.parametrize(
    "broken", [{"knots": [0, 1], "margins": [1, 0]}, {"knots": [0], "margins": [0]}, {"knots": [0, 1]}]
)
def test_a_configuration_refuses_a_map_that_does_not_rise(broken: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match="calibration"):
        FrameDetectorConfig(backbone="test_efficientnet", calibration=broken)
