"""Heat maps: shapes, ranges, determinism, errors, planted artefacts that are pointed at, and what is drawn of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForVideoClassification

from deepfake_hf.errors import UsageError
from deepfake_hf.evidence.maps.clip import clip_map, rollout
from deepfake_hf.evidence.maps.draw import crop_place, face_figure, frame_overlay, on_frame, overlay, sound_figure
from deepfake_hf.evidence.maps.heat_map import VIEWS, HeatMap, moved, moved_back, strongest_is_one
from deepfake_hf.evidence.maps.kinds import KINDS, kinds_on, measured_figures, standing
from deepfake_hf.evidence.maps.picture import class_activations, face_map
from deepfake_hf.evidence.maps.sound import NUM_BANDS, STEP_S, sound_map, statistic_shares
from deepfake_hf.evidence.maps.statistics_bands import rows_of_bands, statistics_bands
from deepfake_hf.faces import crop_face
from deepfake_hf.hub.bundle import EMBEDDED, open_bundle
from deepfake_hf.inference.branch import FrameBranch, SpeechBranch
from deepfake_hf.models.configuration_clip import ClipDetectorConfig
from deepfake_hf.models.configuration_frame import FrameDetectorConfig
from deepfake_hf.models.layers_speech_statistics import num_statistics
from deepfake_hf.models.modeling_frame import FrameDetectorForImageClassification
from deepfake_hf.processing.image_processing_face import FaceImageProcessor
from tests.tiny_bundle import write_tiny_bundle

CPU = torch.device("cpu")
RATE = 16_000


def crop(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (72, 64, 3), dtype=np.uint8)


def tiny_branch(folder: Path, **changes: Any) -> FrameBranch:
    torch.manual_seed(0)
    config = FrameDetectorConfig(backbone="test_efficientnet", image_size=64, **changes)
    model = FrameDetectorForImageClassification(config)
    torch.nn.init.normal_(model.head.weight, std=0.3)
    model.save_pretrained(folder)
    FaceImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return FrameBranch(folder, CPU)


@pytest.fixture(scope="module")
def branch(tmp_path_factory: pytest.TempPathFactory) -> FrameBranch:
    return tiny_branch(tmp_path_factory.mktemp("maps") / "face", mirror_average=True)


@pytest.fixture(scope="module")
def speech() -> SpeechBranch:
    return SpeechBranch(EMBEDDED / "speech", CPU)


class RedHunter:
    """A branch that calls a crop fake for a red square, as strongly as it is there."""

    def score(self, crops: Any) -> np.ndarray:
        return np.array([float((rgb[..., 0].astype(float) - rgb[..., 1]).clip(100).mean()) for rgb in crops])


class LoudHunter:
    """A branch of sound that calls noise fake."""

    sampling_rate = RATE

    def score(self, windows: Any) -> np.ndarray:
        return np.array([20 * float(np.abs(np.diff(window)).mean()) - 2 for window in windows])


@pytest.mark.parametrize("kind", ["joint_cam", "grad_cam", "layer_cam", "smooth_gradient", "occlusion"])
def test_a_map_has_the_shape_of_its_crop_and_is_the_same_again(branch: FrameBranch, kind: str) -> None:
    first, again = face_map(kind, branch, crop()), face_map(kind, branch, crop())
    assert first.values.shape == (72, 64) and first.values.dtype == np.float32
    assert first.values.min() >= 0 and first.values.max() <= 1
    np.testing.assert_array_equal(first.values, again.values)


def test_maps_leave_the_model_as_it_was(branch: FrameBranch) -> None:
    before = branch.score([crop()])
    class_activations(branch, crop())
    hooks = [module for module in branch.model.modules() if module._forward_hooks]
    assert not hooks and all(parameter.grad is None for parameter in branch.model.parameters())
    np.testing.assert_array_equal(before, branch.score([crop()]))


def test_class_activation_of_a_mirrored_crop_is_mirrored(branch: FrameBranch) -> None:
    """The model counts both images alike, so that only the shifts of the views tell left from right."""
    rgb = crop(3)
    ours, theirs = (class_activations(branch, each)["grad_cam"].values for each in (rgb, rgb[:, ::-1].copy()))
    assert np.corrcoef(ours.ravel(), theirs[:, ::-1].ravel())[0, 1] > 0.5


def test_class_activation_finds_the_only_place_that_counts(branch: FrameBranch) -> None:
    """The stage's features are made zero but for one corner of the crop."""
    layer = branch.model.backbone.get_submodule(
        [info["module"] for info in branch.model.backbone.feature_info if info["reduction"] == 16][-1]
    )
    keep = torch.zeros(1, 1, 4, 4)
    keep[..., 3, 0] = 1
    cut = layer.register_forward_hook(lambda module, given, made: made * keep)
    branch.model.config.mirror_average = False
    try:
        values = class_activations(branch, crop())["layer_cam"].values
    finally:
        cut.remove()
        branch.model.config.mirror_average = True
    row, column = np.unravel_index(values.argmax(), values.shape)
    assert row > 36 and column < 32


def test_occlusion_points_at_a_planted_square() -> None:
    rgb = np.full((96, 96, 3), 120, np.uint8)
    rgb[60:80, 10:34] = (250, 40, 120)
    found = face_map("occlusion", RedHunter(), rgb)
    row, column = np.unravel_index(found.values.argmax(), (96, 96))
    assert 55 <= row <= 85 and 5 <= column <= 39 and found.full_scale is not None and found.full_scale > 0


@pytest.mark.parametrize(
    ("attention", "more"), [("auto", {"attention_stage": 2}), ("multi_head", {"attention_heads": 4})]
)
def test_attention_masks(tmp_path: Path, attention: str, more: dict[str, Any]) -> None:
    found = face_map("attention_mask", tiny_branch(tmp_path, attention=attention, **more), crop())
    assert found.values.shape == (72, 64) and 0 <= found.values.min() <= found.values.max() <= 1


def test_what_a_model_cannot_give_is_said(branch: FrameBranch) -> None:
    with pytest.raises(UsageError, match="no attention"):
        face_map("attention_mask", branch, crop())
    with pytest.raises(UsageError, match="--runtime torch"):
        face_map("grad_cam", RedHunter(), crop())
    with pytest.raises(UsageError, match="Choose one of joint_cam"):
        face_map("aura", branch, crop())
    for bad in (crop().astype(np.float32), crop()[..., 0], crop()[:8]):
        with pytest.raises(UsageError, match="face crop"):
            face_map("grad_cam", branch, bad)


def test_views_are_moved_back() -> None:
    values = np.zeros((64, 64), np.float32)
    values[40:44, 20:24] = 1
    picture = (np.repeat(values[..., None], 3, 2) * 255).astype(np.uint8)
    for view in VIEWS:
        seen, matrix = moved(picture, view)
        back = moved_back(seen[..., 0] / 255, matrix, 64, 64)
        row, column = np.unravel_index(back.argmax(), back.shape)
        assert 39 <= row <= 44 and 19 <= column <= 24


def test_a_map_of_nothing_is_zero() -> None:
    assert strongest_is_one("grad_cam", np.array([-1.0, np.nan]), "").values.tolist() == [0.0, 0.0]


def test_a_map_goes_back_to_where_its_crop_was_cut() -> None:
    frame = np.zeros((200, 300, 3), np.uint8)
    frame[100:104, 150:154] = 255
    box = np.array([120, 60, 190, 150], np.float32)
    values = crop_face(frame, box, 112)[..., 0] / np.float32(255)
    back = on_frame(values, box, 200, 300)
    row, column = np.unravel_index(back.argmax(), back.shape)
    assert back.shape == (200, 300) and 99 <= row <= 104 and 149 <= column <= 154
    left, top, right, bottom = crop_place(box, 200, 300)
    outside = np.ones((200, 300), bool)
    outside[top:bottom, left:right] = False
    assert not back[outside].any()


def test_a_face_at_the_border_and_a_picture_that_is_a_crop() -> None:
    heat = HeatMap("grad_cam", np.ones((32, 32), np.float32), "unit")
    frame = np.full((80, 100, 3), 60, np.uint8)
    whole = np.array([0, 0, 100, 80], np.float32)
    assert (on_frame(heat.values, whole, 80, 100) == 1).all()
    drawn = frame_overlay(frame, [(np.array([-20, -10, 40, 50], np.float32), heat)])
    assert drawn.shape == frame.shape and drawn.dtype == np.uint8
    assert (drawn[:20, :20] != 60).any() and (drawn[70:, 80:] == 60).all()
    with pytest.raises(UsageError, match="zero or negative"):
        on_frame(heat.values, np.array([10, 10, 10, 30], np.float32), 80, 100)


def test_overlay_leaves_what_is_zero_and_draws_a_line() -> None:
    rgb, values = np.full((40, 40, 3), 90, np.uint8), np.zeros((40, 40), np.float32)
    values[10:20, 10:20] = 1
    drawn = overlay(rgb, values)
    assert (drawn[25:, 25:] == 90).all() and (drawn[10, 10:20] > 220).all() and (drawn[15, 15] != 90).any()
    with pytest.raises(UsageError, match="Resize the map"):
        overlay(rgb, values[:20])


def test_figures_are_drawn_with_a_legend(branch: FrameBranch, tmp_path: Path) -> None:
    figure = face_figure(crop(), face_map("occlusion", branch, crop()), "Occlusion")
    assert figure.axes[-1].get_ylabel() == "fall of logit_fake"
    figure.savefig(tmp_path / "face.png")
    sound = np.random.default_rng(0).normal(0, 0.1, RATE * 2).astype(np.float32)
    for kind in ("short_windows", "leave_out"):
        drawn = sound_figure(sound, RATE, sound_map(kind, LoudHunter(), sound), start_s=3.0)
        drawn.savefig(tmp_path / f"{kind}.png")
        assert drawn.axes[1].get_xlabel() == "seconds" and drawn.axes[1].get_xlim() == (3.0, 5.0)


@pytest.mark.parametrize("kind", ["short_windows", "leave_out"])
def test_a_map_of_sound_points_at_the_planted_stretch(kind: str) -> None:
    rng = np.random.default_rng(0)
    sound = 0.05 * np.sin(np.arange(4 * RATE) * 0.05)
    sound[int(2.5 * RATE) : int(3.3 * RATE)] += rng.normal(0, 0.1, int(3.3 * RATE) - int(2.5 * RATE))
    found = sound_map(kind, LoudHunter(), sound.astype(np.float32))
    assert found.values.shape == (round(4 / STEP_S),) and 0 <= found.values.min() <= found.values.max() <= 1
    assert 2.3 <= (found.values.argmax() + 0.5) * STEP_S <= 3.5


def test_band_shares_sum_up_to_the_score(speech: SpeechBranch) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    model = speech.model
    calibration = model.config.calibration
    bias = float((model.classifier.bias[1] - model.classifier.bias[0]).detach())
    shares = statistic_shares(speech, [sound])
    expected = speech.score([sound])[0]
    assert shares.shape == (1, num_statistics())
    assert shares.sum() + calibration["scale"] * bias + calibration["bias"] == pytest.approx(expected, abs=1e-3)
    found = sound_map("band_shares", speech, sound)
    assert found.values.shape == (NUM_BANDS, round(1 / STEP_S)) and found.values.min() >= 0
    assert found.values.max() <= 1


def test_statistics_react_to_their_own_band(speech: SpeechBranch) -> None:
    """Louder noise in 3 to 3.5 kHz moves statistics of that band more than those far from it."""
    from scipy.signal import butter, sosfilt

    noise = np.random.default_rng(1).normal(0, 0.1, 2 * RATE)
    tone = sosfilt(butter(4, (3000, 3500), "bandpass", fs=RATE, output="sos"), noise)
    # a burst in each 40 ms, so that level within the band changes in shape and not in size alone
    sounds = [noise, noise + 2 * tone * (np.arange(len(noise)) % 640 < 320)]
    with torch.inference_mode():
        given = torch.tensor(np.stack(sounds), dtype=torch.float32)
        found = speech.model.standardise(speech.model.measure(given)).numpy()
    moves = np.abs(found[1] - found[0])
    low, high = statistics_bands().T
    near = (low < 3500) & (high > 3000) & (high - low < 1600)
    far = (low > 5500) & (high - low < 1600)
    assert len(moves) == len(low) and moves[near].mean() > 2 * moves[far].mean()
    rows = rows_of_bands(NUM_BANDS).sum(1)
    np.testing.assert_allclose(rows, np.isfinite(low).astype(float), atol=1e-9)


def test_what_a_sound_cannot_give_is_said() -> None:
    sound = np.zeros(RATE, np.float32)
    with pytest.raises(UsageError, match="no model on speech statistics"):
        sound_map("band_shares", LoudHunter(), sound)
    with pytest.raises(UsageError, match="Choose one of short_windows"):
        sound_map("aura", LoudHunter(), sound)
    for bad, why in ((sound[:1000], "lasts 0.06 s"), (sound.astype(np.float64), "float32"), (sound * np.nan, "finite")):
        with pytest.raises(UsageError, match=why):
            sound_map("short_windows", LoudHunter(), bad)


def test_attention_over_frames() -> None:
    torch.manual_seed(0)
    config = ClipDetectorConfig(
        backbone="test_efficientnet", image_size=32, temporal="transformer", temporal_heads=2, temporal_layers=2,
        hidden_size=16,
    )  # fmt: skip
    model = AutoModelForVideoClassification.from_config(config)
    found = clip_map(model, torch.randn(1, 5, 3, 32, 32))
    assert found.values.shape == (5,) and found.values.max() == 1 and found.full_scale is not None
    assert float(found.values.sum()) * found.full_scale == pytest.approx(1)
    with pytest.raises(UsageError, match="one clip"):
        clip_map(model, torch.randn(2, 5, 3, 32, 32))


def test_rollout_follows_the_frame_that_all_look_at() -> None:
    looks = torch.full((1, 2, 4, 4), 0.05)
    looks[..., 2] = 0.85
    shares = rollout((looks, looks))
    assert shares.sum() == pytest.approx(1) and shares.argmax() == 2
    np.testing.assert_allclose(rollout((torch.eye(4)[None, None],)), 0.25)


def test_a_kind_is_off_until_it_has_passed() -> None:
    figures = {"kinds": {"grad_cam": {"passed": True, "why": "it points", "weights": "w", "branch_sha256": "1"}}}
    assert kinds_on("picture", "1", figures) == ["grad_cam"] and kinds_on("sound", "1", figures) == []
    assert standing("grad_cam", "1", figures).why == "Grad-CAM is on: it points"
    assert "not been measured" in standing("occlusion", "1", figures).why
    with pytest.raises(UsageError, match="no such kind"):
        standing("aura", "1", figures)


def test_what_was_measured_with_other_weights_says_nothing_about_these() -> None:
    figures = {"kinds": {"grad_cam": {"passed": True, "why": "it points", "weights": "w", "branch_sha256": "1"}}}
    other = standing("grad_cam", "2", figures)
    assert not other.on and "other weights (w)" in other.why and kinds_on("picture", "2", figures) == []
    del figures["kinds"]["grad_cam"]["branch_sha256"]  # of a model that is in no bundle
    assert not standing("grad_cam", "2", figures).on


def test_a_branch_keeps_its_hash_when_another_is_replaced(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "tiny")
    face, speech = bundle.branch_sha256("face"), bundle.branch_sha256("speech")
    config = bundle.path / "speech" / "config.json"
    config.write_text(config.read_text() + " ")
    assert bundle.branch_sha256("face") == face and bundle.branch_sha256("speech") != speech and face != speech


def test_what_stands_in_the_package_names_known_kinds() -> None:
    """At least one kind for pictures and one for sound has passed, as the issue asks."""
    found = measured_figures()["kinds"]
    assert set(KINDS) >= set(found)
    for medium in ("picture", "sound"):
        assert any(one["passed"] and KINDS[name].medium == medium for name, one in found.items())
    bundle = open_bundle()
    for branch, medium in (("face", "picture"), ("speech", "sound")):
        own = bundle.branch_sha256(branch)
        for name in kinds_on(medium, own):
            assert found[name]["branch_sha256"] == own and found[name]["passed"]
