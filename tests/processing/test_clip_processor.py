"""The clip processor: even sampling to the very end, padding with a mask, clear refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepfake_hf.processing import ClipVideoProcessor, FaceImageProcessor
from deepfake_hf.processing.video_processing_clip import uniform_indices

SIZE = {"height": 16, "width": 16}


def clip(length: int, side: int = 16) -> np.ndarray:
    return np.random.default_rng(length).integers(0, 256, (length, side, side, 3), dtype=np.uint8)


@given(st.integers(1, 10_000), st.integers(1, 64))
def test_sampling_is_even_and_reaches_the_end(available: int, wanted: int) -> None:
    made = uniform_indices(available, wanted)
    assert len(made) == min(available, wanted) and made == sorted(set(made))
    assert min(made) >= 0 and max(made) < available
    if len(made) > 1:
        assert made[0] == 0 and made[-1] == available - 1
        steps = np.diff(made)
        assert steps.max() - steps.min() <= 1


def test_shapes_mask_and_zeros_in_padding() -> None:
    processor = ClipVideoProcessor(SIZE, num_frames=4)
    batch = processor([clip(9), clip(2, side=30), list(clip(3))])
    pixels, mask = batch["pixel_values"], batch["attention_mask"]
    assert pixels.shape == (3, 4, 3, 16, 16) and pixels.dtype == torch.float32
    assert mask.dtype == torch.int64 and mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]
    assert not bool(pixels[1, 2:].any()) and not bool(pixels[2, 3:].any())
    frames = FaceImageProcessor(SIZE)(list(clip(9)[[0, 3, 5, 8]]))["pixel_values"]
    assert torch.equal(pixels[0], frames)


def test_one_clip_in_every_form() -> None:
    processor, video = ClipVideoProcessor(SIZE, num_frames=4), clip(3)
    expected = processor(video)["pixel_values"]
    for form in (list(video), torch.from_numpy(video), [video], video[None], [torch.from_numpy(video)]):
        assert torch.equal(processor(form)["pixel_values"], expected)
    assert processor(clip(9), do_sample_frames=False)["pixel_values"].shape[1] == 9
    assert processor(clip(9), num_frames=6)["pixel_values"].shape[1] == 6


@pytest.mark.parametrize(
    ("videos", "error", "message"),
    [
        ([], ValueError, "no clip"),
        ([[]], ValueError, "no frame"),
        (np.zeros((0, 8, 8, 3), np.uint8), ValueError, "no frame"),
        (7, TypeError, "a clip cannot be a int"),
        (clip(1)[0], TypeError, r"ndarray of shape \(16, 16, 3\)"),
        (clip(2).astype(np.float32), TypeError, "float32"),
        (clip(2).transpose(0, 3, 1, 2), ValueError, "channels last"),
        ("nowhere.mp4", ValueError, "no video at nowhere.mp4"),
    ],
)
def test_wrong_input_is_named(videos: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ClipVideoProcessor(SIZE)(videos)


def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    file = tmp_path / "text.mp4"
    file.write_text("not a video")
    with pytest.raises(ValueError, match="no video can be decoded"):
        ClipVideoProcessor(SIZE)(str(file))
