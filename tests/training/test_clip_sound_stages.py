"""Clips and sound of a manifest: lengths differ, padding is masked, blends are alike through a clip."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepfake_hf.data import ManifestRow, write_manifest
from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.media import write_audio
from deepfake_hf.models import presets
from deepfake_hf.training import stage_clips
from deepfake_hf.training.face_data import FaceRow
from deepfake_hf.training.run import build_stage, train
from deepfake_hf.types import AudioTrack
from tests.training.making import crop_manifest, tiny

CLIP: dict[str, Any] = {
    "preset": "lite_clip",
    "model": {"image_size": 32, "hidden_size": 16},
    "data": {"source": "manifest", "frames": [2, 4], "balance": "class", "self_blends": 0},
}


def test_clips_are_padded_masked_and_learnt(tmp_path: Path) -> None:
    manifest = crop_manifest(tmp_path / "crops")
    config = tiny(manifest, tmp_path / "run", **CLIP)
    stage = build_stage(config)
    batch = stage.collate([(torch.ones(2, 3, 32, 32), 1), (torch.ones(4, 3, 32, 32), 0)])
    assert batch["attention_mask"].tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]] and not batch["pixel_values"][0, 2:].any()
    lengths = {len(stage.make(unit)[0]) for step in range(6) for unit in stage.units(step)}
    assert lengths == {2, 3, 4}
    train(config)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["part"] == "validation" and metrics["n_real"] == metrics["n_fake"] > 0
    with pytest.raises(UsageError, match="not stored in pairs"):
        build_stage(tiny(manifest, tmp_path, "data.balance=pairs", **CLIP))


def test_clips_within_a_budget(tmp_path: Path) -> None:
    manifest = crop_manifest(tmp_path / "crops")
    stage = build_stage(tiny(manifest, tmp_path, "data.budget=8", **CLIP))
    sizes = [[len(stage.make(unit)[0]) for unit in stage.units(step)] for step in range(stage.steps_per_epoch)]
    assert all(max(part) * len(part) <= 8 for part in sizes) and sum(map(len, sizes)) == len(stage.tracks)  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="burst the budget"):
        build_stage(tiny(manifest, tmp_path, "data.budget=8", "data.self_blends=1", **CLIP))


def test_genuine_clips_alone_are_self_blended_alike_in_every_frame(tmp_path: Path) -> None:
    manifest = crop_manifest(tmp_path / "crops", labels=(0,))
    sections = {**CLIP, "data": {**CLIP["data"], "balance": "none", "self_blends": 2}}
    stage = build_stage(tiny(manifest, tmp_path / "run", "data.batch=2", **sections))
    keys = stage.units(0)
    assert [kind for _, kind, _ in keys] == [0, 0, 1, 1] and stage.make(keys[-1])[1] == 1
    assert np.bincount(stage.dev.labels).tolist() == [4, 4]
    track = stage.tracks[0]  # type: ignore[attr-defined]
    still = dataclasses.replace(track, frames=(track.frames[0],) * 3)
    made = [stage._blended(still, place, 1, [5]) for place in range(3)]  # type: ignore[attr-defined]
    assert all(np.array_equal(one, made[0]) for one in made) and not np.array_equal(made[0], still.frames[0].rgb())
    with pytest.raises(DataError, match="0 fake items"):
        build_stage(tiny(manifest, tmp_path, **CLIP))


def test_landmarks_of_clips_are_found_where_blends_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def finder(frames: tuple[FaceRow, ...]) -> list[FaceRow]:
        asked.append(frames[0].source)
        return list(frames)

    monkeypatch.setattr(stage_clips, "with_landmarks", finder)
    sections = {**CLIP, "data": {**CLIP["data"], "self_blends": 1}}
    stage = build_stage(tiny(crop_manifest(tmp_path / "crops"), tmp_path / "run", **sections))
    assert not asked  # the clips held out have fakes of their own
    stage.loader((0, 1), 0, 1)
    train = [track.source for track in stage.tracks]  # type: ignore[attr-defined]
    assert asked == train and not set(train) & {track.source for track, _ in stage.dev.items}
    asked.clear()
    build_stage(
        tiny(crop_manifest(tmp_path / "genuine", labels=(0,)), tmp_path / "run", "data.balance=none", **sections)
    )
    assert len(asked) == len(set(asked)) == 4  # those held out, once


def sounds(folder: Path) -> Path:
    rows, rng = [], np.random.default_rng(0)
    for i in range(16):
        wave = rng.normal(0, 0.1, 8_000 + 500 * i).astype(np.float32)
        if i % 2:
            wave[::2] = 0.0
        write_audio(folder / f"{i}.wav", AudioTrack(wave, 16_000, 0.0), "wav")
        split = "validation" if i > 9 else "train"
        rows.append(ManifestRow(str(folder / f"{i}.wav"), i % 2, "made", "hold" if i % 2 else "", "", f"s{i}", split))
    write_manifest(folder / "speech.csv", rows)
    return folder / "speech.csv"


def test_sound_of_different_lengths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"widths": [4, 8], "time_strides": [2, 2], "bin_strides": [4, 4], "convs_per_block": [1, 1]}
    row = dataclasses.replace(presets.PRESETS["mel_cnn"], config={**presets.PRESETS["mel_cnn"].config, **small})
    monkeypatch.setitem(presets.PRESETS, "tiny_mel", row)
    data = {"source": "manifest", "balance": "class", "self_blends": 0, "window_s": [0.3, 0.6]}
    sections: dict[str, Any] = {"preset": "tiny_mel", "backbone": None, "model": {}, "data": data}
    config = tiny(sounds(tmp_path), tmp_path / "run", "loop.metric=eer", **sections)
    stage = build_stage(config)
    batch = stage.collate([stage.make(unit) for unit in stage.units(0)])
    real = batch["attention_mask"].sum(1)
    assert len(set(real.tolist())) > 1 and batch["input_values"].shape[1] == real.max()
    assert sorted(batch["labels"].tolist()) == [0, 0, 1, 1]
    assert (train(config) / "model.safetensors").is_file()
    noisy = {"p_noise": 1.0, "snr_db": [5.0, 10.0]}
    changed = {**sections, "data": {**data, "augment": noisy, "mask_share": 1.0}}
    stage = build_stage(tiny(tmp_path / "speech.csv", tmp_path / "run", **changed))
    plain, masked = batch["input_values"], stage.collate([stage.make(unit) for unit in stage.units(0)])["input_values"]
    assert masked.shape == plain.shape and (masked == 0).float().mean() > (plain == 0).float().mean() + 0.05
    again = stage.collate([stage.make(unit) for unit in stage.units(0)])["input_values"]
    assert torch.equal(masked, again)
    with pytest.raises(UsageError, match=r"data.augment.p_echo: SpeechAugmentation has no such setting. Use p_speed"):
        build_stage(tiny(tmp_path / "speech.csv", tmp_path / "run", "data.augment.p_echo=1", **sections))
    budget = build_stage(tiny(tmp_path / "speech.csv", tmp_path / "run", "data.budget=1.5", **sections))
    assert all(len(budget.units(step)) <= 3 for step in range(budget.steps_per_epoch))
