"""Splits in which no person and no recording stands on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from deepfake_hf.data.manifest import SPLITS, ManifestRow
from deepfake_hf.errors import DataError

SPLIT_BY: Final = ("identity", "source")


@dataclass(frozen=True)
class SplitPlan:
    """How rows are shared out.

    Args:
        shares: Share of the rows that each split should get; they sum to 1.
        by: What may not stand on two sides: ``identity``, ``source`` or both.
        keep_official: Leave the splits that rows have already; False shares out all rows anew.
        seed: Of the order among equals.
    """

    shares: Mapping[str, float]
    by: tuple[str, ...] = SPLIT_BY
    keep_official: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        shares = dict(self.shares)
        positive = all(share > 0 for share in shares.values())
        if not shares or not set(shares) <= set(SPLITS) or not positive or abs(sum(shares.values()) - 1) > 1e-6:
            raise DataError(
                f"split shares {shares}",
                f"they must be positive, sum to 1 and be named among {list(SPLITS)}",
                "for example train: 0.8, validation: 0.1, test: 0.1",
            )
        if not self.by or not set(self.by) <= set(SPLIT_BY):
            raise DataError(f"split by {list(self.by)}", f"there are {list(SPLIT_BY)}", "name one of them or both")


def groups(rows: Sequence[ManifestRow], by: Iterable[str] = SPLIT_BY) -> NDArray[np.int64]:
    """Number the connected components over identities and sources.

    The swap ``000_003`` of FaceForensics++ ties the people and recordings 000 and 003 together, in every method's
    folder; a chain of swaps ties all of its ends. A file is tied to itself: its stretches stay together. A row that
    names neither identity nor source is a group of its own.

    Args:
        rows: N rows.
        by: ``identity``, ``source`` or both.

    Returns:
        int64 (N,), group numbers from 0.
    """
    number: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    chosen = set(by)
    for index, row in enumerate(rows):
        keys = [f"path {row.path}"]
        keys += [f"identity {name}" for name in row.identities if "identity" in chosen]
        keys += [f"source {name}" for name in row.sources if "source" in chosen]
        pairs += [(index, number.setdefault(key, len(number))) for key in keys]
    total = len(rows) + len(number)
    ends = np.array(pairs, np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), np.int8), (ends[:, 0], len(rows) + ends[:, 1])), shape=(total, total))
    _, parts = connected_components(graph, directed=False)
    _, numbered = np.unique(parts[: len(rows)], return_inverse=True)
    return np.asarray(numbered, dtype=np.int64)


def assign_splits(rows: Sequence[ManifestRow], plan: SplitPlan) -> list[ManifestRow]:
    """Give every row a split; whole groups go to one side.

    Groups go, the largest first, where they are needed most by label and data set. With ``keep_official`` a row that
    has a split keeps it, and the rest of its group follows; the rest of a group that official splits have torn apart
    gets none.

    Args:
        rows: The manifest.
        plan: Shares, ties and seed.

    Raises:
        DataError: The groups are so large that a split gets nothing.
    """
    numbered = groups(rows, plan.by)
    members: dict[int, list[int]] = {}
    for index, group in enumerate(numbered.tolist()):
        members.setdefault(group, []).append(index)
    result = list(rows) if plan.keep_official else [replace(row, split="") for row in rows]
    free = []
    for group, indices in members.items():
        given = {result[index].split for index in indices} - {""}
        if not given:
            free.append(group)
        elif len(given) == 1:
            split = given.pop()
            for index in indices:
                result[index] = replace(result[index], split=split)
    order = np.random.default_rng(plan.seed).permutation(len(free))
    queue = sorted((free[place] for place in order), key=lambda group: -len(members[group]))
    count = sum(len(members[group]) for group in queue)
    kinds = Counter((rows[index].dataset, rows[index].label) for group in queue for index in members[group])
    need = {split: {kind: share * total for kind, total in kinds.items()} for split, share in plan.shares.items()}
    for group in queue:
        holds = Counter((rows[index].dataset, rows[index].label) for index in members[group])

        def want(split: str, holds: Counter[tuple[str, int]] = holds) -> float:
            return sum(count * need[split][kind] / (plan.shares[split] * kinds[kind]) for kind, count in holds.items())

        best = max(plan.shares, key=want)
        for kind, taken in holds.items():
            need[best][kind] -= taken
        for index in members[group]:
            result[index] = replace(result[index], split=best)
    empty = set(plan.shares) - {row.split for row in result}
    if queue and empty:
        raise DataError(
            f"nothing is left for {' and '.join(sorted(empty))}",
            f"the same {' or '.join(plan.by)} ties {len(members[queue[0]])} of {count} rows together",
            "tie them by source alone (by: [source]) and say that people are shared, or use the official splits",
        )
    return result


def carve_validation(rows: Sequence[ManifestRow], share: float, plan: SplitPlan) -> list[ManifestRow]:
    """Set aside ``share`` of the rows of ``train`` as ``validation``, whole groups; other rows stay as they are."""
    inside = [index for index, row in enumerate(rows) if row.split == "train"]
    shares = {"train": 1 - share, "validation": share}
    again = replace(plan, shares=shares, keep_official=False)
    result = list(rows)
    for index, row in zip(inside, assign_splits([rows[index] for index in inside], again), strict=True):
        result[index] = row
    return result


def shared_across_splits(rows: Sequence[ManifestRow], by: str) -> dict[str, dict[str, int]]:
    """Who or what stands on more than one side.

    Args:
        rows: The manifest; rows without a split are not looked at.
        by: ``identity``, ``source`` or ``path``.

    Returns:
        For each name on several sides the number of its rows by split.
    """
    seen: dict[str, Counter[str]] = {}
    for row in rows:
        names = {"identity": row.identities, "source": row.sources, "path": (row.path,)}[by]
        if row.split:
            for name in names:
                seen.setdefault(name, Counter())[row.split] += 1
    return {name: dict(counts) for name, counts in seen.items() if len(counts) > 1}
