"""What was measured of the weights, and what that means where fakes are rare."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

from deepfake_hf import Detector
from deepfake_hf.cli.report import Examined
from deepfake_hf.evaluation.selective import predictive_value
from deepfake_hf.report.detection_page import deciding_branch
from deepfake_hf.types import Verdict

_NAMES: Final = {"face": "Faces", "speech": "Sound"}
_STORED: Final = ("fpr1", "fpr5")


def figures_of(folder: Path) -> Mapping[str, Any]:
    """``figures.json`` of a bundle; empty where it has none."""
    try:
        found = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def worth(figures: Mapping[str, Any], point: str, prevalence: float) -> float | None:
    """The share of files called fake that are fakes, where a share ``prevalence`` of all files are."""
    if point not in _STORED:
        return None
    hits, alarms = figures.get(f"tpr_at_stored_{point}"), figures.get(f"fpr_at_stored_{point}")
    return None if hits is None or alarms is None else predictive_value(hits, alarms, prevalence)


def prevalence_words(examined: Examined, prevalence: float) -> str | None:
    """For a verdict ``fake``: how often that word is right at the visitor's share of fakes."""
    result = examined.result
    branch = deciding_branch(result)
    if result.verdict is not Verdict.FAKE or branch is None or result.band is None:
        return None
    right = worth(figures_of(examined.detector.bundle.path).get(branch) or {}, result.band.name, prevalence)
    if right is None:
        return None
    return (
        f"Where {100 * prevalence:g} in 100 files are fakes, about {100 * right:.0f} of 100 files that are called fake "
        "are fakes. This holds for files like those that the weights were measured on."
    )


def figures_table(detector: Detector, point: str, prevalence: float) -> str:
    """By branch: how well it separates, its limits, and what the word fake is worth."""
    measured = figures_of(detector.bundle.path)
    rows = ""
    for name, limits in detector.operating_points().items():
        own = measured.get(name) or {}
        spread = own.get("auc_95")
        auc = "not stored" if "auc" not in own else f"{own['auc']:.3f}"
        if spread:
            auc += f"<small>{spread[0]:.3f} to {spread[1]:.3f}</small>"
        right = worth(own, point, prevalence)
        cells = [
            ("Measured on", f"{escape(str(own.get('data', 'not stored')))}<small>{_counts(own)}</small>"),
            ("AUC (95 %)", auc),
            ("Fakes found", _share(own.get(f"tpr_at_stored_{point}"))),
            ("False alarms", _share(own.get(f"fpr_at_stored_{point}"))),
            ("Fake from", f"{limits['fpr1']:.3f}<small>sensitive: {limits['fpr5']:.3f}</small>"),
            ("Of files called fake, fakes", "not known" if right is None else f"{100 * right:.0f} %"),
        ]
        body = "".join(f'<td data-label="{label}">{value}</td>' for label, value in cells)
        rows += f'<tr><th scope="row">{escape(_NAMES.get(name, name))}</th>{body}</tr>'
    if not rows:
        return (
            "<p>Nobody has calibrated or measured this model here: its scores are its own, and its "
            "verdict is always uncertain unless you set a limit.</p>"
        )
    head = "".join(
        f'<th scope="col">{title}</th>'
        for title in (
            "Branch",
            "Measured on",
            "AUC (95 %)",
            "Fakes found",
            "False alarms",
            "Fake from",
            "Of files called fake, fakes",
        )
    )
    return (
        f'<table class="dh-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        f'<p class="dh-small">The last column is for a pile of files of which {100 * prevalence:g} % are fakes. All '
        "figures are of media like those named; on other cameras and other kinds of fakes they are worse.</p>"
    )


def _counts(own: Mapping[str, Any]) -> str:
    return f"n = {own['n_real']:,} genuine, {own['n_fake']:,} fake" if "n_real" in own and "n_fake" in own else ""


def _share(value: float | None) -> str:
    return "not known" if value is None else f"{100 * value:.1f} %"
