"""What the configurations of all detectors share: the polarity of the head, the calibrator and the honesty field."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from transformers import PretrainedConfig

# Equal to deepfake_hf.labels, which this room may not import: the files here also travel alone, as remote code.
_ID2LABEL = {0: "real", 1: "fake"}
_LABEL2ID = {"real": 0, "fake": 1}


class DetectorConfig(PretrainedConfig):
    """The base of the detectors' configurations.

    Args:
        calibration: In eval mode turns the raw margin m into a calibrated one. ``{"scale": a, "bias": b}`` (Platt; with
            b = 0 a temperature 1 / a): a * m + b. ``{"knots": […], "margins": […]}`` (isotonic): straight lines through
            these points, both rising. None leaves the margin as it is.
        operating_points: Limits on P(fake) by name for one input, ``{"fpr1": …, "fpr5": …}``, or None.
        weights_origin: ``trained`` or ``random``.

    Raises:
        ValueError: The labels are not 0 = real and 1 = fake, the calibrator is incomplete or turns answers round, or
            ``weights_origin`` is neither word.
    """

    def __init__(
        self,
        calibration: dict[str, Any] | None = None,
        operating_points: dict[str, float] | None = None,
        weights_origin: str = "random",
        **kwargs: Any,
    ) -> None:
        num_labels = kwargs.pop("num_labels", 2)
        if num_labels != 2:
            raise ValueError(f"num_labels is {num_labels}: a detector has two logits, real and fake. Leave it out")
        kwargs.setdefault("id2label", dict(_ID2LABEL))
        kwargs.setdefault("label2id", dict(_LABEL2ID))
        super().__init__(**kwargs)
        if weights_origin not in ("trained", "random"):
            raise ValueError(f"weights_origin is {weights_origin!r}: say honestly 'trained' or 'random'")
        self.calibration = calibration
        self.operating_points = operating_points
        self.weights_origin = weights_origin
        self.check()

    def check(self) -> None:
        """Refuse another polarity and a calibrator that can't be right; models call it again when they are built.

        Raises:
            ValueError: As of the class.
        """
        if self.id2label != _ID2LABEL or self.label2id != _LABEL2ID:
            raise ValueError(
                f"id2label is {self.id2label} and label2id {self.label2id}: detectors here have 0 = real and 1 = fake, "
                "and reading another head by position would turn its answers round. Reorder the rows of its last layer "
                f"and save it with id2label {_ID2LABEL}"
            )
        if self.calibration is not None:
            self._check_calibration(self.calibration)

    def _check_calibration(self, calibration: dict[str, Any]) -> None:
        if set(calibration) == {"knots", "margins"}:
            knots, margins = calibration["knots"], calibration["margins"]
            rising = all(a < b for points in (knots, margins) for a, b in pairwise(points))
            if len(knots) != len(margins) or len(knots) < 2 or not rising:
                raise ValueError(
                    "calibration has knots and margins that are not two or more pairs, both rising: it would turn "
                    "answers round. Fit it again"
                )
            return
        if set(calibration) != {"scale", "bias"}:
            raise ValueError(
                f"calibration is {calibration}: give {{'scale': a, 'bias': b}}, "
                "{'knots': [...], 'margins': [...]} or None"
            )
        if not calibration["scale"] > 0:
            raise ValueError(
                f"calibration has scale {calibration['scale']}: at zero or below it turns answers round. "
                "Fit it again on labels with 0 = real and 1 = fake"
            )

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """As of the base class, which would fill missing labels with a guess.

        Raises:
            ValueError: There are no labels, or others than 0 = real and 1 = fake.
        """
        if not config_dict.get("id2label"):
            raise ValueError(
                "the configuration has no id2label: which logit means fake can't be known, and it is not guessed. Add "
                f"id2label {_ID2LABEL} to config.json if that is how the head was trained"
            )
        made = super().from_dict(config_dict, **kwargs)
        # keyword arguments overwrite attributes after construction
        (made[0] if isinstance(made, tuple) else made).check()
        return made
