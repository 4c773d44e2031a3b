"""Splits: nobody and nothing on two sides."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfake_hf.data import ManifestRow, SplitPlan, assign_splits, carve_validation, groups, shared_across_splits
from deepfake_hf.errors import DataError
from deepfake_hf.labels import FAKE, REAL

PLAN = SplitPlan({"train": 0.7, "validation": 0.15, "test": 0.15})
METHODS = ("Deepfakes", "Face2Face", "FaceSwap")


def faceforensics(pairs: int) -> list[ManifestRow]:
    """Genuine videos 000, 001, …, each swapped both ways with its partner, by every method under the same names."""
    rows = []
    for first in range(0, 2 * pairs, 2):
        names = (f"{first:03d}", f"{first + 1:03d}")
        rows += [ManifestRow(f"/ff/real/{name}.mp4", REAL, "ff", "", name, name) for name in names]
        for method in METHODS:
            for target, donor in (names, names[::-1]):
                tied = f"{target}|{donor}"
                rows.append(ManifestRow(f"/ff/{method}/{target}_{donor}.mp4", FAKE, "ff", method, tied, tied))
    return rows


def test_the_swap_000_003_ties_both_people_in_every_method() -> None:
    rows = [
        ManifestRow("/ff/real/000.mp4", REAL, "ff", "", "000", "000"),
        ManifestRow("/ff/real/003.mp4", REAL, "ff", "", "003", "003"),
        ManifestRow("/ff/real/001.mp4", REAL, "ff", "", "001", "001"),
        *[ManifestRow(f"/ff/{m}/000_003.mp4", FAKE, "ff", m, "000|003", "000|003") for m in METHODS],
    ]
    numbered = groups(rows).tolist()
    assert len(rows) == 6, "the same file name in three folders stays three rows"
    assert {numbered[0]} == {numbered[1], *numbered[3:]} and numbered[2] != numbered[0]


def test_no_person_or_recording_is_on_two_sides_and_shares_are_met() -> None:
    rows = assign_splits(faceforensics(100), PLAN)
    assert not shared_across_splits(rows, "identity") and not shared_across_splits(rows, "source")
    counts = Counter((row.split, row.label) for row in rows)
    for label, total in ((REAL, 200), (FAKE, 600)):
        assert counts["train", label] == pytest.approx(0.7 * total, abs=0.01 * total)
        assert counts["test", label] == pytest.approx(0.15 * total, abs=0.01 * total)


def test_the_same_number_in_two_data_sets_is_two_people() -> None:
    rows = [ManifestRow("/a/01.mp4", REAL, "a", "", "01"), ManifestRow("/b/01.mp4", REAL, "b", "", "01")]
    assert len(set(groups(rows).tolist())) == 2


def test_stretches_of_one_file_stay_together() -> None:
    rows = [ManifestRow("a.wav", REAL, end_s=1.0), ManifestRow("a.wav", FAKE, start_s=1.0), ManifestRow("b.wav", REAL)]
    numbered = groups(rows).tolist()
    assert numbered[0] == numbered[1] != numbered[2]


def test_official_splits_stay_and_pull_their_group_along() -> None:
    rows = [
        ManifestRow("a.mp4", REAL, "d", "", "p", "a", "test"),
        ManifestRow("b.mp4", FAKE, "d", "x", "p", "a"),
        ManifestRow("c.mp4", REAL, "d", "", "q", "c", "train"),
        ManifestRow("d.mp4", REAL, "d", "", "q", "d", "test"),
        ManifestRow("e.mp4", FAKE, "d", "x", "q", "c"),
    ]
    done = assign_splits(rows, PLAN)
    assert [row.split for row in done] == ["test", "test", "train", "test", ""], "a torn group's rest gets none"
    assert set(shared_across_splits(done, "identity")) == {"d:q"}


def test_seed_decides_and_nothing_else() -> None:
    rows = faceforensics(20)
    other = SplitPlan(PLAN.shares, seed=1)
    assert assign_splits(rows, PLAN) == assign_splits(rows, PLAN) != assign_splits(rows, other)


def test_validation_is_carved_out_of_train_alone() -> None:
    rows = assign_splits(faceforensics(50), SplitPlan({"train": 0.8, "test": 0.2}))
    done = carve_validation(rows, 0.25, PLAN)
    assert [row.split == "test" for row in rows] == [row.split == "test" for row in done]
    assert Counter(row.split for row in done)["validation"] == pytest.approx(80, abs=8)
    assert not shared_across_splits(done, "identity")


def test_rows_that_all_hang_together_are_refused_with_a_way_out() -> None:
    rows = [ManifestRow(f"{i}.wav", REAL, "lj", "", "LJ", f"s{i}") for i in range(20)]
    with pytest.raises(DataError, match=r"nothing is left for test and validation.*20 of 20 rows.*by: \[source\]"):
        assign_splits(rows, PLAN)
    done = assign_splits(rows, SplitPlan(PLAN.shares, by=("source",)))
    assert Counter(row.split for row in done)["train"] == 14


@pytest.mark.parametrize("shares", [{}, {"train": 0.5}, {"train": 1.2, "test": -0.2}, {"dev": 1.0}])
def test_impossible_shares_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(DataError, match="split shares"):
        SplitPlan(shares)


names = st.lists(st.sampled_from("abcdefgh"), max_size=2).map("|".join)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(names, names, st.booleans()), min_size=30, max_size=60))
def test_whatever_the_ties_nothing_is_shared(facts: list[tuple[str, str, bool]]) -> None:
    rows = [ManifestRow(f"{i}", int(fake), "d", "", who, of) for i, (who, of, fake) in enumerate(facts)]
    try:
        done = assign_splits(rows, PLAN)
    except DataError:
        return
    assert all(row.split for row in done)
    assert not shared_across_splits(done, "identity") and not shared_across_splits(done, "source")
