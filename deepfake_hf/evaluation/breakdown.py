"""One scores table taken apart: by level, data set, method and any column; coverage; the worst method; the matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError
from deepfake_hf.evaluation.metrics import auc_with_abstentions, share_interval, summary
from deepfake_hf.evaluation.scores import LEVELS, VIDEO, Score, at_level, to_videos
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.scoring.calibration import margin_of
from deepfake_hf.scoring.decision import THRESHOLD_NAMES

SMALL_CELL: Final = 20
NO_LIMIT: Final = 0.5
Table = dict[str, Any]


@dataclass(frozen=True)
class Items:
    """Scores as arrays, all (N,): ``p_fake`` is nan without a score, ``fake_at`` the limit in force for each."""

    scores: tuple[Score, ...]
    labels: NDArray[np.int64]
    p_fake: NDArray[np.float64]
    fake_at: NDArray[np.float64]
    videos: NDArray[np.int64]

    @classmethod
    def of(cls, scores: Sequence[Score], threshold: str | float) -> Items:
        """Arrange; ``threshold`` as :func:`limit_of`."""
        keys: dict[tuple[str, str, str], int] = {}
        return cls(
            tuple(scores),
            np.array([score.label for score in scores], int),
            np.array([np.nan if score.p_fake is None else score.p_fake for score in scores], float),
            np.array([limit_of(score, threshold) for score in scores], float),
            np.array([keys.setdefault(score.key, len(keys)) for score in scores], int),
        )

    def where(self, mask: NDArray[np.bool_]) -> Items:
        """The items of a mask (N,)."""
        kept = tuple(score for score, take in zip(self.scores, mask, strict=True) if take)
        return Items(kept, self.labels[mask], self.p_fake[mask], self.fake_at[mask], self.videos[mask])

    @property
    def scored(self) -> Items:
        """Those with a score."""
        return self.where(~np.isnan(self.p_fake))

    @property
    def called(self) -> NDArray[np.bool_]:
        """Which are called fake at the limit in force; never those without a score."""
        calls: NDArray[np.bool_] = np.nan_to_num(self.p_fake, nan=-1.0) >= self.fake_at
        return calls

    @property
    def both_classes(self) -> bool:
        return len(np.unique(self.labels)) == 2


def limit_of(score: Score, threshold: str | float) -> float:
    """The limit on P(fake): the number, or the stored one of that name; 0.5 where none is stored."""
    if isinstance(threshold, float):
        return threshold
    stored: float | None = getattr(score, threshold)
    return NO_LIMIT if stored is None else stored


def threshold_text(scores: Sequence[Score], threshold: str | float) -> str:
    """Which limits are in force, in words."""
    if isinstance(threshold, float):
        return f"P(fake) ≥ {threshold:g}"
    shown: Counter[str] = Counter()
    for score in scores:
        if score.p_fake is not None:
            stored = getattr(score, threshold)
            branch = f"{score.branch} " if score.branch else ""
            shown[f"{branch}P(fake) ≥ {stored:.3f}" if stored is not None else f"{branch}none stored, 0.5 taken"] += 1
    percent = threshold.removeprefix("fpr")
    return f"stored FPR-{percent} % limit ({', '.join(sorted(shown))})"


def figures(items: Items) -> Table:
    """All figures of one set of items, among the scored; with ``n_unscored`` and the AUC with abstentions as wrong.

    Where a class is missing among the scored, only counts and the shares that can be given.
    """
    found = items.scored
    counts: Table = {
        "n_real": int((found.labels == REAL).sum()),
        "n_fake": int((found.labels == FAKE).sum()),
        "n_unscored": len(items.labels) - len(found.labels),
    }
    counts["n_videos"] = len(np.unique(items.videos))
    if not found.both_classes:
        return {**counts, **_shares(found)}
    made = summary(found.labels, found.p_fake, found.videos, {}, found.called)
    strict = auc_with_abstentions(items.labels, items.p_fake)
    stored = {}
    for name in THRESHOLD_NAMES:
        limits = np.array([np.nan if getattr(s, name) is None else getattr(s, name) for s in found.scores], float)
        if not np.isnan(limits).any():
            called = found.p_fake >= limits
            stored[f"fpr_at_stored_{name}"] = float(called[found.labels == REAL].mean())
            stored[f"tpr_at_stored_{name}"] = float(called[found.labels == FAKE].mean())
    return {**made, **counts, "auc_abstentions_wrong": strict, **stored}


def by_level(scores: Sequence[Score], threshold: str | float) -> dict[str, Table]:
    """Figures at frame, clip and video level, and of frames and clips by branch; levels without items are left out.

    Frames and clips of one video are not independent: their intervals draw whole videos too.
    """
    table: dict[str, Table] = {}
    for level in reversed(LEVELS):
        items = Items.of(at_level(scores, level), threshold)
        branches = sorted({score.branch for score in items.scores}) if level != VIDEO else []
        if not len(items.labels):
            continue
        table[level] = figures(items)
        if len(branches) > 1:
            for branch in branches:
                own = items.where(np.array([score.branch == branch for score in items.scores]))
                table[f"{level} ({branch})"] = figures(own)
    return table


def by_dataset(items: Items) -> dict[str, Table]:
    """Figures of each data set."""
    return {name or "unnamed": figures(items.where(_is(items, "dataset", name))) for name in _values(items, "dataset")}


def by_method(items: Items) -> dict[str, Table]:
    """Figures of each method's fakes against all genuine items of the same data set: ``dataset / method``."""
    table = {}
    for name in _values(items, "dataset"):
        inside = items.where(_is(items, "dataset", name))
        methods = [method for method in _values(inside.where(inside.labels == FAKE), "method")]
        for method in methods:
            mask = (inside.labels == REAL) | (_is(inside, "method", method) & (inside.labels == FAKE))
            table[f"{name or 'unnamed'} / {method or 'unnamed'}"] = figures(inside.where(mask))
    return table


def worst(table: Mapping[str, Table], figure: str = "auc") -> str | None:
    """The row with the lowest value of a figure; None where no row has it."""
    rows = {name: row[figure] for name, row in table.items() if row.get(figure) is not None}
    return min(rows, key=lambda name: rows[name]) if rows else None


def coverage(items: Items) -> Table:
    """How much was scored, and why the rest was not: counts by status and class, with examples of each reason."""
    table: Table = {"n": len(items.labels), "n_scored": int((~np.isnan(items.p_fake)).sum())}
    table["share"] = table["n_scored"] / max(1, table["n"])
    for word, label in (("real", REAL), ("fake", FAKE)):
        own = items.where(items.labels == label)
        table[word] = dict(Counter(score.status for score in own.scores).most_common())
    unscored = [score for score in items.scores if score.p_fake is None]
    table["reasons"] = [
        {
            "status": status,
            "n": count,
            "examples": [{"path": score.path, "reason": score.reason} for score in unscored if score.status == status][
                :3
            ],
        }
        for status, count in Counter(score.status for score in unscored).most_common()
    ]
    shares = [score.coverage for score in items.scores if score.p_fake is not None and score.coverage is not None]
    table["mean_of_scored"] = float(np.mean(shares)) if shares else None
    return table


def slices(items: Items, column: str, smallest: int = SMALL_CELL) -> Table:
    """False alarms, hits and AUC for each value of a column, with n and 95 % interval; small cells hidden.

    Args:
        items: At video level, so that the shares' intervals (Wilson) hold.
        column: Of the manifest.
        smallest: A share of fewer items than this is hidden.

    Raises:
        UsageError: No row has a value in that column.
    """
    values = [value for value in sorted({score.value(column) for score in items.scores}) if value]
    if not values:
        raise UsageError(f"--slice {column}", "no row has a value in that column", "name another column")
    rows = {}
    found = items.scored
    for value in [*values, ""]:
        own = found.where(np.array([score.value(column) == value for score in found.scores], bool))
        if not len(own.labels):
            continue
        row = _shares(own, smallest)
        n_real, n_fake = int((own.labels == REAL).sum()), int((own.labels == FAKE).sum())
        row |= {"n_real": n_real, "n_fake": n_fake}
        if min(n_real, n_fake) >= smallest:
            made = summary(own.labels, own.p_fake, own.videos, {})
            row |= {"auc": made["auc"], "auc_95": made["auc_95"]}
        row["hidden"] = [word for word, n in (("real", n_real), ("fake", n_fake)) if n < smallest]
        rows[value or "(empty)"] = row
    return {"column": column, "smallest": smallest, "rows": rows}


def matrix(tables: Mapping[str, Sequence[Score]]) -> Table:
    """AUC at video level of each model (what it was trained on) over each data set: train-on by test-on.

    Args:
        tables: By the model's name its scores.

    Returns:
        ``models``, ``datasets`` and ``cells[model][dataset]`` with ``auc``, ``auc_95`` and counts, or None where that
        model has no scored items of both classes there.
    """
    cells: dict[str, dict[str, Table | None]] = {}
    names: dict[str, None] = {}
    for model, scores in tables.items():
        items = Items.of(to_videos(scores), NO_LIMIT)
        cells[model] = {}
        for dataset in _values(items, "dataset"):
            names[dataset or "unnamed"] = None
            own = items.where(_is(items, "dataset", dataset)).scored
            cell: Table | None = None
            if own.both_classes:
                made = summary(own.labels, own.p_fake, own.videos, {})
                cell = {key: made[key] for key in ("n_real", "n_fake", "auc", "auc_95")}
            cells[model][dataset or "unnamed"] = cell
    whole = {model: {name: row.get(name) for name in names} for model, row in cells.items()}
    return {"models": list(whole), "datasets": list(names), "cells": whole}


def margins(items: Items) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logits of P(fake) and of the limits, both (N,); nan without a score."""
    return margin_of(items.p_fake), margin_of(items.fake_at)


def _shares(found: Items, smallest: int = 1) -> Table:
    """``fpr`` and ``recall`` at the limit in force with Wilson's intervals, each where there are enough items."""
    row: Table = {}
    for word, label in (("fpr", REAL), ("recall", FAKE)):
        calls = found.called[found.labels == label]
        if len(calls) >= smallest:
            row[word] = float(calls.mean())
            row[f"{word}_95"] = list(share_interval(int(calls.sum()), len(calls)))
    return row


def _values(items: Items, column: str) -> list[str]:
    return sorted({score.value(column) for score in items.scores})


def _is(items: Items, column: str, value: str) -> NDArray[np.bool_]:
    return np.array([score.value(column) == value for score in items.scores], bool)
