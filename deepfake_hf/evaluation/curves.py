"""The points of the pictures: ROC, precision-recall, DET and calibration curves as plain lists."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix, det_curve, precision_recall_curve, roc_curve

from deepfake_hf.evaluation.breakdown import Items, margins
from deepfake_hf.evaluation.metrics import ECE_BINS, share_interval
from deepfake_hf.evaluation.selective import risk_coverage
from deepfake_hf.labels import FAKE, REAL

_MOST_POINTS: Final = 400
Curve = dict[str, Any]


def all_curves(items: Items) -> dict[str, Curve]:
    """Everything that is drawn of one set of items with both classes scored."""
    found = items.scored
    values, limits = margins(items)
    fpr, tpr, _ = roc_curve(found.labels, found.p_fake)
    precision, recall, _ = precision_recall_curve(found.labels, found.p_fake)
    alarms, misses, _ = det_curve(found.labels, found.p_fake)
    risk = risk_coverage(items.labels, values, limits)
    counts = confusion_matrix(found.labels, found.called.astype(int), labels=[REAL, FAKE])
    called_fpr = float(found.called[found.labels == REAL].mean())
    called_tpr = float(found.called[found.labels == FAKE].mean())
    unscored = np.isnan(items.p_fake)
    return {
        "roc": {**_thin(x=fpr, y=tpr), "at": [called_fpr, called_tpr]},
        "precision_recall": {**_thin(x=recall, y=precision), "share_fake": float((found.labels == FAKE).mean())},
        "det": {**_thin(x=alarms, y=misses), "at": [called_fpr, 1 - called_tpr]},
        "calibration": reliability(found.labels, found.p_fake),
        "histogram": {
            "real": [float(value) for value in found.p_fake[found.labels == REAL]],
            "fake": [float(value) for value in found.p_fake[found.labels == FAKE]],
            "limits": sorted({float(value) for value in found.fake_at}),
        },
        "confusion": {
            "counts": counts.tolist(),
            "unscored": [int((unscored & (items.labels == label)).sum()) for label in (REAL, FAKE)],
        },
        "risk_coverage": {**_thin(x=risk.coverage, y=risk.risk), "area": risk.area},
    }


def reliability(labels: ArrayLike, p_fake: ArrayLike, bins: int = ECE_BINS) -> Curve:
    """Mean P(fake) and share of fakes of each equal-width bin that holds items, with counts and Wilson's intervals."""
    classes, scores = np.asarray(labels), np.asarray(p_fake, float)
    place = np.minimum((scores * bins).astype(int), bins - 1)
    rows = []
    for index in np.unique(place):
        inside = place == index
        count, fakes = int(inside.sum()), int((classes[inside] == FAKE).sum())
        low, high = share_interval(fakes, count)
        rows.append({"p": float(scores[inside].mean()), "share": fakes / count, "low": low, "high": high, "n": count})
    return {"bins": bins, "rows": rows}


def _thin(x: NDArray[np.float64], y: NDArray[np.float64]) -> Curve:
    """At most 400 points, the ends among them."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).round().astype(int))
    return {"x": [float(value) for value in x[kept]], "y": [float(value) for value in y[kept]]}
