"""A canary pair: one genuine and one fake input of every branch, stored with the scores that the weights gave them.

A head with swapped rows, a processor with other constants or a damaged tensor changes these scores: the pair says so
before anybody's medium is judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from deepfake_hf.errors import BundleError
from deepfake_hf.hub.bundle import CANARY, Bundle
from deepfake_hf.inference.branch import FrameBranch, SpeechBranch

# In logit_fake. fp32 on CPUs and GPUs of several makes differs by less than a tenth of this; a swapped head, another
# mean or another calibrator by far more.
TOLERANCE: Final = 0.02
_MIN_GAP: Final = 0.5  # logit_fake between fake and genuine under trained weights, so that rounding turns no order
_NUM_BLENDS: Final = 16
_HEAD_REGION: Final = (115, 18, 220)  # left, top and side of a square around the portrait's head, pixels
_FACE_BOX: Final = (181.5, 58.2, 269.9, 177.8)  # what CenterFace answers on the portrait, pixels
_SPEECH_S: Final = (1.0, 2.5)  # of the sample, seconds: words without a rest


@dataclass(frozen=True)
class CanaryAnswer:
    """One branch's scores of its pair, genuine first: ``expected`` as stored, ``found`` now, in ``logit_fake``."""

    branch: str
    expected: tuple[float, float]
    found: tuple[float, float]

    @property
    def polarity_agrees(self) -> bool:
        """The fake is on the same side of the genuine one as it was."""
        return (self.found[1] > self.found[0]) == (self.expected[1] > self.expected[0])

    @property
    def numbers_agree(self) -> bool:
        """Both scores are within ``TOLERANCE`` of the stored ones."""
        return bool(np.allclose(self.found, self.expected, rtol=0, atol=TOLERANCE))

    @property
    def agrees(self) -> bool:
        return self.polarity_agrees and self.numbers_agree

    def __str__(self) -> str:
        scores = f"genuine {self.found[0]:+.3f}, fake {self.found[1]:+.3f}"
        stored = f"stored {self.expected[0]:+.3f}, {self.expected[1]:+.3f}, tolerance {TOLERANCE}"
        if not self.polarity_agrees:
            return f"POLARITY TURNED ROUND: {scores} ({stored})"
        return f"{'polarity and numbers agree' if self.numbers_agree else 'NUMBERS DIFFER'}: {scores} ({stored})"


def write_canary(bundle: Bundle) -> list[CanaryAnswer]:
    """Make the pair from the project's own demo media, score it and store both in ``canary.safetensors``.

    The fake face is the one of sixteen self-blends that these weights score highest: the pair tells whether a copy of
    the weights still answers as they did, not how good they are. ``<branch>.inputs`` holds what the branch's processor
    takes: uint8 (2, 224, 224, 3) face crops or float32 (2, num_samples) sound; ``<branch>.logit_fake`` is float64 (2,).
    The bundle's hash leaves the file out.

    Raises:
        BundleError: The weights are ``trained`` and do not score the fake clearly over the genuine input.
        MissingDependencyError: The demo media's packages are not installed (``deepfake-hf[space]``).
    """
    arrays: dict[str, NDArray[Any]] = {}
    answers = []
    for branch, kind in bundle.branches.items():
        candidates = _faces() if kind == "frame" else _speech()
        margins = _score(bundle, branch, kind, candidates)
        fake = 1 + int(np.argmax(margins[1:]))
        found = (float(margins[0]), float(margins[fake]))
        if bundle.weights == "trained" and found[1] < found[0] + _MIN_GAP:
            raise BundleError(
                f"branch {branch!r} of {bundle.path} fails on its canary pair",
                f"it gives the genuine input {found[0]:+.3f} and its fake twin {found[1]:+.3f}",
                "check which row of the head means fake, and the processor's constants; else it needs more training",
            )
        arrays[f"{branch}.inputs"] = np.stack([candidates[0], candidates[fake]])
        arrays[f"{branch}.logit_fake"] = np.array(found, np.float64)
        answers.append(CanaryAnswer(branch, found, found))
    save_file(arrays, bundle.path / CANARY)
    return answers


def score_canary(bundle: Bundle) -> list[CanaryAnswer]:
    """Score the stored pair with the weights as they load now, on the CPU.

    Raises:
        BundleError: There is no pair, or none of a branch.
    """
    path = bundle.path / CANARY
    if not path.is_file():
        raise BundleError(
            f"{bundle.path} has no canary pair", f"there is no {CANARY}", "add one with deepfake-hf hub pack"
        )
    arrays = load_file(path)
    answers = []
    for branch, kind in bundle.branches.items():
        try:
            inputs, stored = arrays[f"{branch}.inputs"], arrays[f"{branch}.logit_fake"]
        except KeyError as error:
            raise BundleError(f"{path} is incomplete", f"it lacks {error}", "pack the bundle again") from None
        expected, found = ((float(pair[0]), float(pair[1])) for pair in (stored, _score(bundle, branch, kind, inputs)))
        answers.append(CanaryAnswer(branch, expected, found))
    return answers


def _score(bundle: Bundle, branch: str, kind: str, inputs: NDArray[Any]) -> NDArray[np.float64]:
    reader = FrameBranch if kind == "frame" else SpeechBranch
    return reader(bundle.path / branch, torch.device("cpu")).score(list(inputs))


def _faces() -> NDArray[np.uint8]:
    """uint8 (1 + blends, 224, 224, 3): the portrait's face and its self-blends, cropped as in a pass over pictures."""
    from deepfake_hf.faces import crop_face
    from deepfake_hf.inference.faces_pass import CROP_SIZE
    from deepfake_hf.synthesis.astronaut import LANDMARKS_XY, astronaut_rgb
    from deepfake_hf.synthesis.self_blend import self_blend

    left, top, side = _HEAD_REGION
    head = astronaut_rgb()[top : top + side, left : left + side]
    points = LANDMARKS_XY - np.array([left, top], np.float32)
    blends = [self_blend(head, points, np.random.default_rng(seed)).rgb for seed in range(_NUM_BLENDS)]
    box = np.array(_FACE_BOX, np.float32) - np.array([left, top, left, top], np.float32)
    return np.stack([crop_face(rgb, box, CROP_SIZE) for rgb in (head, *blends)])


def _speech() -> NDArray[np.float32]:
    """float32 (2, num_samples): the sample's words, and their copy-synthesis."""
    from deepfake_hf.synthesis.examples import SPEECH_RATE, speech_pair

    start, end = (int(second * SPEECH_RATE) for second in _SPEECH_S)
    return np.stack([samples[start:end] for samples in speech_pair()])
