"""Whether a picture was compressed before its last compression."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from deepfake_hf.evidence.jpeg import MIN_BLOCKS, JpegTrace, read_trace
from deepfake_hf.media import Limits
from deepfake_hf.types import Finding, MediaInfo, MediaKind, Strength

_TITLE: Final = "Earlier compression"
# Mean gain over the nine frequencies. Limit chosen on 24 pictures (4 photographs, 20 video frames of 360 x 288), each
# compressed once at qualities 70 to 95: the highest of these 120 reads 0.278. LIMITS_TEXT has the test on others.
LIMIT: Final = 0.30
LIMITS_TEXT: Final = (
    "Measured on 20 other video frames saved by the IJG library: of 100 saved once none was taken for saved twice; of "
    "those saved twice on the same grid 240 of 240 were found where the second quality was 10 or more higher, 40 of "
    "120 where it was less than 10 higher, 23 of 140 where it was lower."
)


def compression_finding(path: Path, info: MediaInfo, limits: Limits) -> Finding:
    """The finding on any medium; it abstains for all but JPEG pictures.

    Raises:
        MediaError: The picture cannot be opened.
    """
    if info.kind is not MediaKind.IMAGE:
        return _silent("re-encoding of video and sound is not measured: no rate of false alarms is known for it here")
    if info.container not in ("jpeg", "mpo"):
        return _silent(f"only JPEG keeps the steps that show it, and this is {info.container}")
    trace = read_trace(path, limits)
    if trace is None:
        return _silent(f"fewer than {MIN_BLOCKS} blocks of 8 x 8 pixels have enough in them")
    return _finding(trace)


def _finding(trace: JpegTrace) -> Finding:
    gain = float(np.mean(trace.gain))
    table = f"IJG quality {trace.quality}" if trace.standard else f"its own, nearest to IJG quality {trace.quality}"
    facts = (
        ("quantisation table", table),
        ("gain of an earlier step", f"{gain:.2f} on average of nine frequencies, limit {LIMIT:.2f}"),
        ("blocks", f"{trace.num_blocks:,}"),
    )
    if gain >= LIMIT:
        return Finding(
            "compression",
            _TITLE,
            f"the histograms show that it was a JPEG before it was saved at about quality {trace.quality}",
            Strength.MODERATE,
            f"It was opened and saved again. {LIMITS_TEXT}",
            "That anything was changed: every platform and many viewers save pictures again.",
            facts=facts,
        )
    return Finding(
        "compression",
        _TITLE,
        f"no trace of an earlier compression; saved at about quality {trace.quality}",
        Strength.NEUTRAL,
        "Nothing shows that it was a JPEG before.",
        "That it was saved only once: a lower quality at the end, a crop or a change of size hide an earlier one. "
        f"{LIMITS_TEXT}",
        facts=facts,
    )


def _silent(why: str) -> Finding:
    return Finding("compression", _TITLE, None, None, "", "", abstained=why)
