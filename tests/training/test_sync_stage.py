"""Lip-sync on clips made up in the cache: a mouth that opens with the sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepfake_hf.data import ManifestRow, write_manifest
from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.training import stage_sync
from deepfake_hf.training.run import build_stage, train
from deepfake_hf.training.sync_data import SyncClip
from tests.training.making import tiny

NET = {
    "image_size": 64, "visual_widths": [4, 8, 8, 8, 8, 16], "sound_widths": [4, 8, 8, 8, 8, 16], "hidden_size": 16,
    "embedding_size": 8, "margin": 2.0,
}  # fmt: skip
SYNC: dict[str, Any] = {
    "stage": "sync", "preset": "syncnet", "backbone": None, "model": NET, "loss": {},
    "data": {"source": "films", "balance": "none", "self_blends": 0, "shift_s": [0.4, 1.0], "batch": 8},
    "optimiser": {"learning_rate": 5e-3, "weight_decay": 0.0},
}  # fmt: skip


def clip(seed: int) -> SyncClip:
    """60 frames; how bright the mouth is goes with the level of all cepstra."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.normal(0, 1, 20), 3)
    mouths = np.clip(128 + 60 * level[:, None, None, None] + rng.normal(0, 5, (60, 64, 64, 3)), 0, 255)
    return SyncClip(mouths.astype(np.uint8), np.repeat(level, 4)[None].repeat(13, 0).astype(np.float32))


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows = []
    for i in range(8):
        (tmp_path / f"{i}.mp4").write_bytes(b"a film")
        rows.append(ManifestRow(str(tmp_path / f"{i}.mp4"), 0, "", "", "", f"f{i}", "validation" if i > 5 else "train"))
    write_manifest(tmp_path / "films.csv", rows)
    monkeypatch.setattr(stage_sync, "read_sync_clip", lambda row, *_: clip(int(Path(row.path).stem)))
    return tmp_path / "films.csv"


def test_a_pair_is_a_look_with_its_own_and_with_shifted_sound(films: Path, tmp_path: Path) -> None:
    stage = build_stage(tiny(films, tmp_path / "run", **SYNC))
    assert min(map(abs, stage.shifts)) == 10 and max(stage.shifts) == 25  # type: ignore[attr-defined]
    batch = stage.collate([stage.make(unit) for unit in stage.units(0)])
    assert batch["pixel_values"].shape == (16, 3, 5, 64, 64) and batch["input_values"].shape == (16, 1, 13, 20)
    assert batch["labels"].tolist() == [1] * 8 + [0] * 8
    assert not bool((batch["input_values"][:8] == batch["input_values"][8:]).all())
    assert stage.dev.labels.tolist() == [0, 1] * 16 and set(stage.dev.groups) == {"f6", "f7"}


def test_it_learns_what_belongs_together(films: Path, tmp_path: Path) -> None:
    train(tiny(films, tmp_path / "run", "loop.steps=240", "loop.evaluate_every=240", "loop.metric=auc", **SYNC))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["auc"] > 0.8 and (tmp_path / "run" / "model" / "preprocessor_config.json").is_file()


def test_films_that_can_not_be_used(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="last 20 steps"):
        build_stage(tiny(films, tmp_path / "run", "model.num_steps=24", **SYNC))
    monkeypatch.setattr(stage_sync, "read_sync_clip", lambda *_: None)
    with pytest.raises(DataError, match="none with a mouth and sound"):
        build_stage(tiny(films, tmp_path / "run", **SYNC))
