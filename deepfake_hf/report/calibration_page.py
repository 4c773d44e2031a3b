"""The page of a calibration: before and after, in- and off-distribution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from deepfake_hf.report.curves import calibration_figure
from deepfake_hf.report.evaluation_page import NAMES, cell, number
from deepfake_hf.report.page import Picture, Section, Table

_FIGURES: Final = ("auc", "log_loss", "brier", "ece")
_STORED: Final = {
    "fpr_at_stored_fpr1": "False alarms at the FPR-1 % limit",
    "tpr_at_stored_fpr1": "Hits at the FPR-1 % limit",
    "fpr_at_stored_fpr5": "False alarms at the FPR-5 % limit",
    "tpr_at_stored_fpr5": "Hits at the FPR-5 % limit",
}


def calibration_sections(
    fitted: Mapping[str, Any], report_split: str, table: Mapping[str, Mapping[str, Any]], curves: Mapping[str, Any]
) -> tuple[Section, ...]:
    """All parts of the page.

    Args:
        fitted: What it was fitted on.
        report_split: Where the figures are from.
        table: By ``in-distribution`` and ``off-distribution``, ``before`` and ``after``, the figures at video level.
        curves: Reliability by ``before`` and ``after``, over all reported videos.
    """
    seen = ", ".join(sorted({" / ".join(filter(None, pair)) or "unnamed" for pair in fitted["seen"]}))
    points = ", ".join(f"FPR-{name[3:]} % at {value:.3f}" for name, value in fitted["operating_points"].items())
    text: tuple[str, ...] = (
        f"The calibrator ({fitted['method']}) of the branch {fitted['branch']} was fitted on {fitted['n_real']} "
        f"genuine and {fitted['n_fake']} fake videos of the split {fitted['split']}, one margin each, both classes "
        f"weighted alike. Data sets and methods in it: {seen}.",
        f"Limits in the new bundle ({fitted['limits']}): {points}.",
        f"Figures are of the split {report_split}, of which the calibrator saw nothing.",
    )
    tables: list[Table] = []
    for place, moments in table.items():
        counts = next(iter(moments.values()))
        rows: list[tuple[str, ...]] = []
        rows += [(NAMES[name], *(cell(row, name) for row in moments.values())) for name in _FIGURES]
        rows += [(title, *(number(row.get(name)) for row in moments.values())) for name, title in _STORED.items()]
        note = f"{counts['n_real']} genuine and {counts['n_fake']} fake videos."
        if place == "off-distribution":
            note += " Data sets or methods that were not fitted on; without genuine videos of its own, those of the "
            note += "data sets that were."
        tables.append(Table(("", *moments), tuple(rows), place.capitalize(), note))
    if "off-distribution" not in table:
        text += ("All of it is of data sets and methods that were fitted on: nothing is known off-distribution.",)
    picture = Picture(
        "calibration",
        calibration_figure(curves),
        "Calibration before and after",
        "Over all reported videos; on the dashed line P(fake) means what it says, in a set with this share of fakes.",
    )
    return (
        Section("What was fitted", text),
        Section("Before and after", tables=tuple(tables), pictures=(picture,)),
    )
