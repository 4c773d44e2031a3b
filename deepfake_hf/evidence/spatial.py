"""Does a face fit its surround: fine texture, colour and light of its skin against the skin about it."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.evidence.face_size import MIN_FACE_PX, bracket_of
from deepfake_hf.evidence.measures import Measure, Reading, finding_of, silent
from deepfake_hf.evidence.skin import skin_masks
from deepfake_hf.types import Finding

TEXTURE: Final = Measure("texture", "fine texture of the face against its surround", "dB")
COLOUR: Final = Measure("colour", "difference in colour between face and surround", "CIELAB units (a*, b*)")
LIGHT: Final = Measure(
    "light", "difference in the fall of light between face and surround", "log units per eye distance", 2
)
TITLES: Final = {TEXTURE: "Skin texture", COLOUR: "Colour of face and surround", LIGHT: "Light on face and surround"}
_MEANS: Final = {
    TEXTURE: "A pasted or generated face is often smoother (below 0 dB) or sharper than the skin about it.",
    COLOUR: "A pasted face can keep a cast of another recording.",
    LIGHT: "A pasted face can be lit from another side than the head that it sits on.",
}
_NOT: Final = {
    TEXTURE: "That a smooth face is fake: make-up, beauty filters, focus and compression do the same. Hair on the "
    "forehead counts as texture of the surround where it has the colour of skin.",
    COLOUR: "That a cast is a forgery: make-up, flushed cheeks, coloured light and a shaded neck do the same.",
    LIGHT: "That a difference is a forgery: hair, hats and glasses throw shadows. Only the fall of brightness over the "
    "skin is compared; no lamp is found.",
}  # fmt: skip
_FINE_PX: Final = 2.0  # sigma of what counts as coarse, of 224


def surfaces(crop: NDArray[np.uint8], landmarks_xy: NDArray[np.float32]) -> dict[Measure, float] | None:
    """The three measures of one crop.

    ``texture``: energy of the luma above a Gaussian of 2 px, relative to the squared luma, face over surround in dB
    (Pan, Zhang & Lyu 2012, "Exposing image splicing with inconsistent local noise variances": the idea that noise
    and fine texture agree over one picture). ``colour``: distance of median a* and b*. ``light``: length of the
    difference of the two gradients of log luma, fitted as planes by least squares (after Johnson & Farid 2005,
    "Exposing digital forgeries by detecting inconsistencies in lighting", with planes in place of contours).

    Args:
        crop: uint8 (224, 224, 3), as of ``reference_crop``.
        landmarks_xy: float32 (68, 2), pixels of the crop.

    Returns:
        By measure its value; None where too little skin is seen.
    """
    masks = skin_masks(crop, landmarks_xy)
    if masks is None:
        return None
    luma = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float64)
    fine = (luma - cv2.GaussianBlur(luma, (0, 0), _FINE_PX)) ** 2
    colours = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[..., 1:]
    eyes = float(np.linalg.norm(landmarks_xy[36] - landmarks_xy[45]))
    energy, casts, slopes = [], [], []
    for mask in masks:
        energy.append(float(fine[mask].mean()) / float(luma[mask].mean()) ** 2)
        casts.append(np.median(colours[mask], axis=0))
        slopes.append(light_slope(luma, mask, max(eyes, 1.0)))
    return {
        TEXTURE: 10 * float(np.log10((energy[0] + 1e-9) / (energy[1] + 1e-9))),
        COLOUR: float(np.linalg.norm(casts[0] - casts[1])),
        LIGHT: float(np.linalg.norm(slopes[0] - slopes[1])),
    }


def light_slope(luma: NDArray[np.float64], mask: NDArray[np.bool_], unit_px: float) -> NDArray[np.float64]:
    """The gradient of log luma over a mask: float64 (2,), to the right and down, per ``unit_px`` pixels.

    Args:
        luma: (H, W).
        mask: bool (H, W).
        unit_px: Pixels of one unit of length.
    """
    y, x = np.nonzero(mask)
    columns = np.column_stack((x / unit_px, y / unit_px, np.ones(len(x))))  # (N, 3)
    return np.asarray(np.linalg.lstsq(columns, np.log(luma[mask] + 1.0), rcond=None)[0][:2], np.float64)


class FaceSurfaces:
    """Gathers the measures of tracks, one face after the other; the walk gives it a bounded number of faces."""

    def __init__(self) -> None:
        self._values: dict[tuple[int, str], dict[Measure, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._unseen = 0
        self._small = 0

    def add(self, crop: NDArray[np.uint8], landmarks_xy: NDArray[np.float32], track: int, face_px: float) -> None:
        """Take one face: arguments as of :func:`surfaces`; ``face_px`` is its width in the source."""
        bracket = bracket_of(face_px)
        if bracket is None:
            self._small += 1
            return
        found = surfaces(crop, landmarks_xy)
        if found is None:
            self._unseen += 1
            return
        for measure, value in found.items():
            self._values[track, bracket][measure].append(value)

    def _best(self) -> dict[int, str]:
        """By track the class of size with most frames."""
        best: dict[int, str] = {}
        for (track, bracket), values in sorted(self._values.items()):
            if track not in best or len(values[TEXTURE]) > len(self._values[track, best[track]][TEXTURE]):
                best[track] = bracket
        return best

    def readings(self) -> list[Reading]:
        """Medians over the frames of each track."""
        return [
            Reading(measure, float(np.median(self._values[track, bracket][measure])), f"face {track}", bracket)
            for track, bracket in self._best().items()
            for measure in TITLES
        ]

    def findings(self) -> list[Finding]:
        """One of each kind; none where no face came."""
        if not self._values:
            if not self._unseen + self._small:
                return []
            few = f"too little skin is seen about the face in {self._unseen} frames" if self._unseen else ""
            small = f"{self._small} faces are narrower than {MIN_FACE_PX} px" if self._small else ""
            return [silent("spatial", title, "; ".join(filter(None, (few, small)))) for title in TITLES.values()]
        frames = [
            (f"face {track}, frames", str(len(self._values[track, bracket][TEXTURE])))
            for track, bracket in self._best().items()
        ]
        return [
            finding_of(
                "spatial", title, [reading for reading in self.readings() if reading.measure == measure],
                _MEANS[measure], _NOT[measure], frames,
            )
            for measure, title in TITLES.items()
        ]  # fmt: skip
