"""What was measured of the weights, and what that means where fakes are rare."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

from deepfake_hf import Detector
from deepfake_hf.cli.report import Examined
from deepfake_hf.evaluation.selective import predictive_value
from deepfake_hf.hub.card import read_figures
from deepfake_hf.report.detection_page import deciding_branch
from deepfake_hf.types import Verdict

_NAMES: Final = {"face": "Faces", "speech": "Sound"}
_STORED: Final = ("fpr1", "fpr5")


def worth(figures: Mapping[str, Any], point: str, prevalence: float) -> float | None:
    """The share of files called fake that are fakes, where a share ``prevalence`` of all files are."""
    if point not in _STORED:
        return None
    hits, alarms = figures.get(f"tpr_at_stored_{point}"), figures.get(f"fpr_at_stored_{point}")
    number = figures.get("n_real")
    if hits is None or alarms is None or not number:
        return None
    # None among n is no proof of none at all: one is counted.
    return predictive_value(hits, max(alarms, 1 / number), prevalence)


def prevalence_words(examined: Examined, prevalence: float) -> str | None:
    """For a verdict ``fake``: how often that word is right at the visitor's share of fakes."""
    result = examined.result
    branch = deciding_branch(result)
    if result.verdict is not Verdict.FAKE or branch is None or result.band is None:
        return None
    right = worth(read_figures(examined.detector.bundle).get(branch) or {}, result.band.name, prevalence)
    if right is None:
        return None
    return (
        f"Where {100 * prevalence:g} in 100 files are fakes, about {100 * right:.0f} of 100 files that are called fake "
        "are fakes. This holds for files like those that the weights were measured on."
    )


def figures_table(detector: Detector, point: str, prevalence: float) -> str:
    """By branch: how well it separates, its limits, and what the word fake is worth."""
    measured = read_figures(detector.bundle)
    columns: dict[str, list[str]] = {}
    for name, limits in detector.operating_points().items():
        own = measured.get(name) or {}
        spread = own.get("auc_95")
        between = f"<small>{spread[0]:.3f} to {spread[1]:.3f}</small>" if spread else ""
        right = worth(own, point, prevalence)
        columns[_NAMES.get(name, name)] = [
            f"{escape(str(own.get('data', 'not stored')))}<small>{_counts(own)}</small>",
            f"{own['auc']:.3f}{between}" if "auc" in own else "not stored",
            _share(own.get(f"tpr_at_stored_{point}")),
            _share(own.get(f"fpr_at_stored_{point}")),
            f"{limits['fpr1']:.3f}<small>sensitive: {limits['fpr5']:.3f}</small>",
            "not known" if right is None else f"{100 * right:.0f} %",
        ]
    if not columns:
        return (
            "<p>Nobody has calibrated or measured this model here: its scores are its own, and its "
            "verdict is always uncertain unless you set a limit.</p>"
        )
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    names = (
        "Measured on", "AUC (95 %)", "Fakes found", "False alarms", "Called fake from",
        f"Right when it says fake, where {100 * prevalence:g} in 100 files are fakes",
    )  # fmt: skip
    rows = "".join(
        f'<tr><th scope="row">{title}</th>'
        + "".join(f'<td data-label="{escape(name)}">{cells[place]}</td>' for name, cells in columns.items())
        + "</tr>"
        for place, title in enumerate(names)
    )
    return (
        f'<table class="dh-table dh-wrap"><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>'
        '<p class="dh-small">All figures are of media like those named; on other cameras and other kinds of fakes they '
        "are worse. Where no false alarm was seen, the last row counts one.</p>"
    )


def _counts(own: Mapping[str, Any]) -> str:
    return f"n = {own['n_real']:,} genuine, {own['n_fake']:,} fake" if "n_real" in own and "n_fake" in own else ""


def _share(value: float | None) -> str:
    return "not known" if value is None else f"{100 * value:.1f} %"
