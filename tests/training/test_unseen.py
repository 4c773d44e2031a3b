"""Figures on ways of making fakes: what is made of held-out crops, and what the page says of a known scorer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from deepfake_hf.errors import DataError
from deepfake_hf.training import unseen
from deepfake_hf.training.face_data import load_faces
from tests.training.making import face_shards


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_shards(tmp_path_factory.mktemp("unseen"))


def moved(landmarks_xy: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    return np.asarray(landmarks_xy + rng.normal(0, 3, (68, 2)), np.float32)


def test_every_way_changes_each_crop_alike_every_time(data: Path) -> None:
    drawn = np.random.default_rng(0)  # faces of different shapes: the shards' are all alike, so that none could move
    rows = [
        row if row.landmarks_xy is None else replace(row, landmarks_xy=moved(row.landmarks_xy, drawn))
        for row in load_faces(data, "train")
    ]
    crops, again = unseen.made_crops(rows, 3), unseen.made_crops(rows, 3)
    genuine = crops.pop(unseen.GENUINE)
    assert {"self-blend", "reenactment", "face swap, seamless", "rebuilt picture, nearest"} < set(crops)
    for name, kind in crops.items():
        assert len(kind) == len(genuine) and all(map(np.array_equal, kind, again[name])), name
        if name != unseen.STORED:
            assert all(made.shape == rgb.shape for made, rgb in zip(kind, genuine, strict=True)), name
            assert not any(map(np.array_equal, kind, genuine)), name


def test_the_page_says_what_the_scores_say(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def margins(crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        return np.array([float(rgb[..., 0].std()) for rgb in crops])

    monkeypatch.setattr(unseen, "scorer", lambda folder: margins)
    monkeypatch.setattr(unseen, "CONDITIONS", {"as is": unseen.CONDITIONS["as is"]})
    unseen.write_unseen([tmp_path], data, tmp_path / "page.md", ["DFDC", "self-blend"], 4, "train")
    lines = [line.split(" | ") for line in (tmp_path / "page.md").read_text().splitlines() if line.startswith("| ")]
    cells = {line[0].strip("| "): line for line in lines}
    crops = unseen.made_crops(load_faces(data, "train"), 4)
    genuine, areas = margins(crops.pop(unseen.GENUINE)), {}
    for name, kind in crops.items():
        areas[name] = roc_auc_score(np.repeat([0, 1], [len(genuine), len(kind)]), np.append(genuine, margins(kind)))
        assert cells[name][1] == ("yes" if name in ("DFDC", "self-blend") else "no")
        assert cells[name][2].startswith(f"{areas[name]:.3f} ("), name
    rest = np.mean([area for name, area in areas.items() if name not in ("DFDC", "self-blend")])
    assert f"**{rest:.3f}**" in cells["mean AUC of those not in training"][-1]


def test_what_cannot_be_measured_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such way"):
        unseen.write_unseen([tmp_path], data, tmp_path / "page.md", ["morphing"], 2, "train")
    with pytest.raises(DataError, match="two genuine crops"):
        unseen.made_crops([], 3)
    genuine = [row for row in load_faces(data, "train") if row.label == 0]
    with pytest.raises(DataError, match="no stored fake"):
        unseen.made_crops(genuine, 3)


def test_pairs_take_the_ways_in_turn(data: Path) -> None:
    rows = load_faces(data, "train")
    crops = unseen.made_crops(rows, 3)
    left_out = [name for name in unseen.makers() if name not in ("self-blend", "rebuilt picture, nearest")]
    genuine, made = unseen.pairs_in_turn(rows, 3, left_out)
    assert all(map(np.array_equal, genuine, crops[unseen.GENUINE]))
    for place, name in enumerate(("self-blend", "rebuilt picture, nearest", "self-blend")):
        assert np.array_equal(made[place], crops[name][place])
