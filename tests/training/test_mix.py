"""What a run trains on, written as pictures that the audit reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfake_hf.data import read_manifest
from deepfake_hf.errors import UsageError
from deepfake_hf.training.config import write_config
from deepfake_hf.training.mix import write_mix
from deepfake_hf.training.run import build_stage
from tests.training.making import face_shards, tiny


def test_the_pictures_are_those_of_the_run(tmp_path: Path) -> None:
    shards = face_shards(tmp_path)
    config = tiny(shards, tmp_path / "run", "data.batch=3", "data.self_blends=2", "data.rebuilds=1")
    (tmp_path / "run").mkdir()
    write_config(config, tmp_path / "run" / "config.yaml")
    rows = read_manifest(write_mix(tmp_path / "run", tmp_path / "mix", 10))
    assert len(rows) == 18  # two steps of three pairs, two self-blends and a rebuilt face
    assert {row.method for row in rows if row.label} == {"stored", "self-blend", "rebuilt"}
    assert {row.source for row in rows[:9] if row.method in ("self-blend", "rebuilt")} <= {r.source for r in rows[:3]}
    stage = build_stage(config)
    pixels, label, _ = stage.make(stage.units(1)[2])
    picture = np.asarray(Image.open(rows[11].path), np.float32) / 255
    mean, std = (np.array(values, np.float32) for values in (stage.seen.mean, stage.seen.std))
    assert rows[11].label == label
    np.testing.assert_allclose((picture - mean) / std, pixels.permute(1, 2, 0), atol=0.6 / 255 / std.min())


def test_another_stage_has_no_single_crops(tmp_path: Path) -> None:
    shards = face_shards(tmp_path)
    config = tiny(shards, tmp_path / "run", "stage=triplet", data={"self_blends": 0, "path": str(shards)})
    (tmp_path / "run").mkdir()
    write_config(config, tmp_path / "run" / "config.yaml")
    with pytest.raises(UsageError, match="single crops"):
        write_mix(tmp_path / "run", tmp_path / "mix", 10)
