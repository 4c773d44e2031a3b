"""Robustness: what perturbed media do to a detector whose threshold stays as it was. Scores, resume, figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.evaluation.bootstrap import grouped_share_interval, intervals
from deepfake_hf.evaluation.metrics import auc
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.media.perturb_grid import Perturbation

CLEAN: Final = "clean"


@dataclass(frozen=True)
class Item:
    """What is scored: ``group`` is the unit of the bootstrap, ``stamp`` changes when the content does."""

    key: str
    label: int
    group: str
    stamp: str = ""


@dataclass(frozen=True)
class Answer:
    """A detector's answer: ``p_fake`` in [0, 1] and whether that is over the limit, or a status and a reason."""

    p_fake: float | None
    called_fake: bool = False
    status: str = "scored"
    reason: str = ""


class Scorer(Protocol):
    """Perturbs and scores the items of one kind of data."""

    @property
    def settings(self) -> dict[str, Any]:
        """What the answers depend on; a run goes on only with the same."""

    @property
    def items(self) -> Sequence[Item]:
        """All items."""

    def answers(self, item: Item, steps: Sequence[Perturbation | None]) -> Iterator[Answer | None]:
        """One answer for each step (None is the item as it is); None where the step is not for such an item."""


def draw(items: Sequence[Item], limit: int | None, seed: int) -> list[Item]:
    """At most ``limit`` items at random, the classes in turn as long as both last, in their old order."""
    if limit is None or limit >= len(items):
        return list(items)
    order = np.random.default_rng(seed).permutation(len(items))
    by_class = [[int(i) for i in order if items[i].label == label] for label in (REAL, FAKE)]
    ranked = sorted((place, label, i) for label, own in enumerate(by_class) for place, i in enumerate(own))
    return [items[i] for i in sorted(i for *_, i in ranked[:limit])]


@dataclass(frozen=True)
class StepFigures:
    """Figures of one step of a ladder, or of the clean media; shares in [0, 1], intervals of 95 %.

    ``n_real`` and ``n_fake`` items could be perturbed so, ``scored`` is the share of them that got a score. ``auc`` is
    of these, ``auc_clean`` of the same items as they were. ``fpr`` and ``tpr`` are the shares of scored genuine and
    fake items called fake at the clean threshold; ``flips`` the share, among items scored both ways, that changed
    sides. None where a class is missing or nothing could be scored; of clean media there are no flips.
    """

    step: str
    title: str
    value: float | None
    unit: str
    n_real: int
    n_fake: int
    scored: float
    auc: float | None = None
    auc_95: tuple[float, float] | None = None
    auc_clean: float | None = None
    fpr: float | None = None
    fpr_95: tuple[float, float] | None = None
    tpr: float | None = None
    tpr_95: tuple[float, float] | None = None
    flips: float | None = None
    flips_95: tuple[float, float] | None = None
    to_fake: int = 0
    from_fake: int = 0
    statuses: Mapping[str, int] | None = None


class ScoreFile:
    """Answers on disk, one JSON object a line below one of settings; what is in it is not scored again.

    Raises:
        UsageError: The file belongs to a run with other settings.
        DataError: It cannot be read or written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self._path = path
        self._known: dict[tuple[str, str], tuple[str, Answer | None]] = {}
        try:
            lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
            self._read([line for line in lines if _is_json(line)], dict(settings))
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a" if lines else "w", encoding="utf-8")
        except OSError as error:
            raise DataError(f"{path} cannot be used", str(error), "name another folder with --out") from error
        if not lines:
            self._write({"settings": dict(settings)})
        elif not _is_json(lines[-1]):
            self._file.write("\n")  # a line that was cut off while it was written stays, and is passed over

    def _read(self, lines: list[str], settings: dict[str, Any]) -> None:
        for number, line in enumerate(lines):
            entry = json.loads(line)
            if number == 0:
                held = entry.get("settings", {})
                other = [f"{name} {held.get(name)!r}, now {settings[name]!r}" for name in settings
                         if held.get(name) != settings[name]]  # fmt: skip
                if other:
                    raise UsageError(
                        f"{self._path} belongs to another run",
                        f"it has {'; '.join(other)}",
                        "name another folder with --out, or delete this one",
                    )
                continue
            answer = None if entry["answer"] is None else Answer(**entry["answer"])
            self._known[entry["item"], entry["step"]] = entry["stamp"], answer

    def get(self, item: Item, step: str) -> Answer | None:
        """The answer held, None also where the step is not for this item; ask ``has`` first."""
        return self._known[item.key, step][1]

    def has(self, item: Item, step: str) -> bool:
        return (item.key, step) in self._known and self._known[item.key, step][0] == item.stamp

    def add(self, item: Item, step: str, answer: Answer | None) -> None:
        self._known[item.key, step] = item.stamp, answer
        plain = None if answer is None else asdict(answer)
        self._write({"item": item.key, "stamp": item.stamp, "label": item.label, "step": step, "answer": plain})

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def run_robustness(
    scorer: Scorer,
    items: Sequence[Item],
    steps: Sequence[Perturbation],
    scores: ScoreFile,
    progress: Callable[[int, int], None] | None = None,
) -> list[StepFigures]:
    """Score every item clean and perturbed, item by item, and compute the figures; what is scored already is kept.

    Args:
        scorer: Perturbs and scores.
        items: Of the scorer.
        steps: Of the ladders.
        scores: Takes the answers.
        progress: Called with answers done and their total.

    Returns:
        The clean figures, then one row for each step that some item could be perturbed by.
    """
    wanted: list[Perturbation | None] = [None, *steps]
    total, done = len(items) * len(wanted), 0
    for item in items:
        todo = [step for step in wanted if not scores.has(item, name_of(step))]
        done += len(wanted) - len(todo)
        for step, answer in zip(todo, scorer.answers(item, todo), strict=True):
            scores.add(item, name_of(step), answer)
            done += 1
            if progress is not None:
                progress(done, total)
    clean = [scores.get(item, CLEAN) for item in items]
    rows = []
    for step in wanted:
        answers = [scores.get(item, name_of(step)) for item in items]
        if any(answer is not None for answer in answers):
            rows.append(step_figures(step, items, clean, answers))
    return rows


def name_of(step: Perturbation | None) -> str:
    """For example ``blur-13``, or ``clean``."""
    return CLEAN if step is None else step.name


def step_figures(
    step: Perturbation | None, items: Sequence[Item], clean: Sequence[Answer | None], answers: Sequence[Answer | None]
) -> StepFigures:
    """Figures of one step.

    Args:
        step: None for the clean media.
        items: (N,).
        clean: (N,) answers on the items as they are.
        answers: (N,) answers after the step; None where it is not for the item.
    """
    triples = [(i, c, a) for i, c, a in zip(items, clean, answers, strict=True) if c is not None and a is not None]
    labels = [item.label for item, *_ in triples]
    statuses: dict[str, int] = {}
    for *_, answer in triples:
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
    row = StepFigures(
        name_of(step),
        CLEAN if step is None else step.ladder.title,
        None if step is None else step.value,
        "" if step is None else step.ladder.unit,
        labels.count(REAL),
        labels.count(FAKE),
        statuses.get("scored", 0) / len(triples),
        statuses=statuses,
    )
    seen = [(item, c, a) for item, c, a in triples if a.p_fake is not None]
    if not seen:
        return row
    classes = np.array([item.label for item, *_ in seen])
    p_fake = np.array([a.p_fake for *_, a in seen], float)
    groups = np.array([item.group for item, *_ in seen])
    called = np.array([a.called_fake for *_, a in seen])
    if len(np.unique(classes)) == 2:
        drawn = intervals(classes, p_fake, groups)["auc"] if len(np.unique(groups)) > 1 else None
        row = replace(row, auc=auc(classes, p_fake), auc_95=drawn)
        before = [(item.label, c.p_fake) for item, c, _ in triples if c.p_fake is not None]
        if len({label for label, _ in before}) == 2:
            row = replace(row, auc_clean=auc([label for label, _ in before], [p for _, p in before]))
    real, fake = classes == REAL, classes == FAKE
    if real.any():
        row = replace(row, fpr=float(called[real].mean()), fpr_95=grouped_share_interval(called[real], groups[real]))
    if fake.any():
        row = replace(row, tpr=float(called[fake].mean()), tpr_95=grouped_share_interval(called[fake], groups[fake]))
    both = [(item, c, a) for item, c, a in seen if c.p_fake is not None]
    if both and step is not None:
        flipped = np.array([c.called_fake != a.called_fake for _, c, a in both])
        row = replace(
            row,
            flips=float(flipped.mean()),
            flips_95=grouped_share_interval(flipped, np.array([item.group for item, *_ in both])),
            to_fake=sum(a.called_fake and not c.called_fake for _, c, a in both),
            from_fake=sum(c.called_fake and not a.called_fake for _, c, a in both),
        )
    return row
