"""How verdicts, statuses and limits are said and drawn wherever a reader meets them."""

from __future__ import annotations

from typing import Final

from deepfake_hf.types import DetectionResult, OperatingBand, Status, Verdict

# Paths in a box of 24 x 24: the shape tells verdicts apart without colour.
ICONS: Final = {
    "fake": '<path d="M12 3 22 20H2Z"/><path d="M12 10v5M12 17.6v.2"/>',
    "real": '<circle cx="12" cy="12" r="9"/><path d="m8 12.4 2.8 2.8L16.2 9.6"/>',
    "uncertain": '<circle cx="12" cy="12" r="9"/>'
    '<path d="M9.4 9.6a2.7 2.7 0 1 1 3.7 2.6c-.8.3-1.1.9-1.1 1.7M12 16.7v.2"/>',
    "none": '<circle cx="12" cy="12" r="9" stroke-dasharray="3.2 3"/><path d="M8 12h8"/>',
}
WORDS: Final = {Verdict.FAKE: "Fake", Verdict.REAL: "Real", Verdict.UNCERTAIN: "Uncertain"}
MEANING: Final = {
    Verdict.FAKE: "The file bears traces that genuine files seldom show.",
    Verdict.REAL: "No trace that this detector knows was found. That is no proof of being genuine.",
    Verdict.UNCERTAIN: "The traces are too weak for a verdict and too strong for an all-clear.",
}
STATUS: Final = {
    Status.NO_FACE: "No face was found",
    Status.FACE_TOO_SMALL: "The face is too small",
    Status.TOO_BLURRY: "The face is too blurry",
    Status.TOO_DARK: "The face is too dark",
    Status.NO_SPEECH: "No speech was found",
    Status.TOO_SHORT: "The file is too short",
    Status.UNREADABLE: "The file could not be read",
    Status.UNSUPPORTED: "This kind of file is not analysed",
    Status.SCORED: "Scored",
}
POINTS: Final = {
    "fpr1": "strict: 1 in 100 genuine calibration items reaches it",
    "fpr5": "sensitive: 5 in 100 genuine calibration items reach it",
}


def meaning_of(result: DetectionResult) -> str:
    """What a result with a verdict means, in a sentence: a suspicious stretch is never passed over."""
    assert result.verdict is not None
    below = result.p_fake is not None and result.band is not None and result.p_fake < result.band.real_below
    if below and any(segment.end_s > segment.start_s for segment in result.segments):
        return "Taken whole it reads genuine, but a part of it stands out: look at the suspicious stretches."
    return MEANING[result.verdict]


def limits_text(band: OperatingBand) -> str:
    """The band in words."""
    if band.real_below < band.fake_at:
        return f"real below {band.real_below:.3f}, fake from {band.fake_at:.3f}"
    return f"real below {band.fake_at:.3f}, fake from there on"


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = text.strip()
    first = text if "." in text.split(" ", 1)[0] else text[:1].upper() + text[1:]  # a file's name keeps its case
    return first + ("" if text.endswith((".", "!", "?")) else ".")


def score_text(p_fake: float | None) -> str:
    """P(fake) to three places; never rounded to a certainty."""
    if p_fake is None:
        return "none"
    return "> 0.999" if p_fake > 0.9995 else "< 0.001" if p_fake < 0.0005 else f"{p_fake:.3f}"
