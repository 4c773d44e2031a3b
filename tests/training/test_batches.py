"""Batches: balanced, of like length, shared out among processes, and the same again after a stop."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake_hf.errors import UsageError
from deepfake_hf.training.batches import BalancedOrder, LengthOrder, MicroBatches, parts_of

LABELS = [0] * 30 + [1] * 12
METHODS = [""] * 30 + ["a"] * 9 + ["b"] * 2 + ["c"]


def test_classes_and_methods_are_balanced() -> None:
    order = BalancedOrder(LABELS, METHODS, "method", 12, seed=1)
    drawn = [i for step in range(10) for i in order(step)]
    assert Counter(METHODS[i] for i in drawn) == {"": 60, "a": 20, "b": 20, "c": 20}
    assert all(sum(LABELS[i] for i in order(step)) == 6 for step in range(10))
    classes = BalancedOrder(LABELS, METHODS, "class", 9, seed=1)
    counts = [Counter(LABELS[i] for i in classes(step)) for step in range(8)]
    assert all(sum(count.values()) == 9 and abs(count[0] - count[1]) == 1 for count in counts)
    assert sum(count[0] for count in counts) == 36


def test_without_balance_every_item_comes_once_a_pass() -> None:
    order = BalancedOrder(LABELS, METHODS, "none", 6, seed=1)
    assert order.steps_per_epoch == 7
    passes = [sorted(i for step in range(first, first + 7) for i in order(step)) for first in (0, 7, 14)]
    assert passes == [list(range(42))] * 3
    assert [order(s) for s in range(7)] != [order(s) for s in range(7, 14)]
    assert BalancedOrder(LABELS, METHODS, "none", 6, seed=1)(11) == order(11)  # from its number alone


@given(st.lists(st.floats(0.5, 30), min_size=1, max_size=60), st.floats(30, 100), st.integers(0, 5))
def test_padded_batches_stay_within_the_budget(lengths: list[float], budget: float, seed: int) -> None:
    order = LengthOrder(lengths, budget, seed)
    batches = [order(step) for step in range(order.steps_per_epoch)]
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(max(lengths[i] for i in batch) * len(batch) <= budget + 1e-9 for batch in batches)
    assert LengthOrder(lengths, budget, seed)(3) == order(3)


def test_an_item_over_the_budget_is_named() -> None:
    with pytest.raises(UsageError, match=r"data\.budget 10: an item is 12 long"):
        LengthOrder([3, 12], 10, 0)


@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 4))
def test_processes_and_parts_share_a_step_out(units: int, processes: int, accumulate: int) -> None:
    keys = list(range(units))
    if units < processes * accumulate:
        with pytest.raises(UsageError, match=r"Raise data\.batch"):
            parts_of(keys, 0, processes, accumulate)
        return
    shared = [parts_of(keys, rank, processes, accumulate) for rank in range(processes)]
    assert sorted(key for parts in shared for part in parts for key in part) == keys
    assert all(len(parts) == accumulate for parts in shared)
    batches = MicroBatches(lambda step: keys, (0, 2), 0, processes, accumulate)
    made = list(batches)
    assert len(made) == len(batches) == 2 * accumulate
    assert all(share == len(part) / units for part in made for share, _ in part)
