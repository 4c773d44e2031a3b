"""The autoencoders' loop on made-up pictures: it learns, it resumes exactly, the discriminator takes part."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from deepfake_hf.errors import DataError
from deepfake_hf.synthesis.reconstructor import ReconstructorConfig, load_reconstructor
from deepfake_hf.training import reconstructor as module
from deepfake_hf.training.face_data import FaceRow, load_faces
from deepfake_hf.training.reconstructor import ReconstructorRecipe, face_batch, held_out, train_reconstructor
from tests.training.making import face_shards

SMALL = {"image_size": 32, "widths": (8, 12, 16), "latent": 8}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_shards(tmp_path_factory.mktemp("faces"))


def _recipe(folder: Path, out: Path, adversarial: bool = False, **changes: object) -> ReconstructorRecipe:
    config = ReconstructorConfig("shuffle", adversarial=adversarial, **SMALL)  # type: ignore[arg-type]
    values: dict[str, object] = {"config": config, "steps": 6, "batch": 4, "adversarial_from": 0.0}
    return ReconstructorRecipe(str(folder), str(out), **{**values, **changes})  # type: ignore[arg-type]


def test_it_learns_and_says_how_near_it_comes(data: Path, tmp_path: Path) -> None:
    before = train_reconstructor(_recipe(data, tmp_path / "few", steps=1))
    after = train_reconstructor(_recipe(data, tmp_path / "many", steps=60))
    figures = [json.loads((folder.parent / "metrics.json").read_text()) for folder in (before, after)]
    assert figures[1]["psnr_db"] > figures[0]["psnr_db"] + 1.5 and figures[1]["num_faces"] == 4
    rows = [row for row in load_faces(data, "validation") if row.label == 0]
    assert held_out(load_reconstructor(after), rows)["psnr_db"] == pytest.approx(figures[1]["psnr_db"])


@pytest.mark.parametrize("adversarial", [False, True])
def test_resume_equals_uninterrupted(
    adversarial: bool,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_CHECKPOINT_EVERY", 3)
    whole = train_reconstructor(_recipe(data, tmp_path / "whole", adversarial))
    batch, seen = module.face_batch, []

    def stop(*arguments: object) -> torch.Tensor:
        seen.append(1)
        if len(seen) == 5:  # after the checkpoint of step 3
            raise KeyboardInterrupt
        return batch(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "face_batch", stop)
    with pytest.raises(KeyboardInterrupt):
        train_reconstructor(_recipe(data, tmp_path / "parts", adversarial))
    monkeypatch.setattr(module, "face_batch", batch)
    parts = train_reconstructor(_recipe(data, tmp_path / "parts", adversarial), resume=True)
    first, second = (load_file(folder / "model.safetensors") for folder in (whole, parts))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_discriminator_changes_what_is_learned(data: Path, tmp_path: Path) -> None:
    made = [train_reconstructor(_recipe(data, tmp_path / str(flag), flag)) for flag in (False, True)]
    plain, adversarial = (load_file(folder / "model.safetensors") for folder in made)
    assert any(not torch.equal(plain[name], adversarial[name]) for name in plain)
    assert load_reconstructor(made[1]).config.adversarial


def test_batches_are_drawn_from_the_seed_alone(data: Path) -> None:
    rows = load_faces(data, "train")
    first, again, other = (face_batch(rows, 32, 3, np.random.default_rng([0, step])) for step in (1, 1, 2))
    assert first.shape == (3, 3, 32, 32) and first.min() >= 0 and first.max() <= 1
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_fakes_alone_teach_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "load_faces", lambda *_: [FaceRow(b"", 1, "v", None)])
    with pytest.raises(DataError, match="no genuine faces"):
        train_reconstructor(_recipe(tmp_path, tmp_path / "out"))
