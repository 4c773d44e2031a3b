"""The demo's media and the camera that films them."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfake_hf.errors import UsageError
from deepfake_hf.media import AtRate, probe, read_audio, read_frames
from deepfake_hf.synthesis import examples as module
from deepfake_hf.synthesis.astronaut import LANDMARKS_XY, astronaut_rgb
from deepfake_hf.synthesis.examples import Example, default_folder, make_examples, self_blended_portrait
from deepfake_hf.synthesis.virtual_camera import VirtualCamera, camera_path, film
from deepfake_hf.types import MediaKind


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    return make_examples(tmp_path_factory.mktemp("examples"))


def test_each_genuine_file_comes_with_its_fake_twin(made: list[Example]) -> None:
    assert [(example.kind, example.truth) for example in made] == [
        (MediaKind.VIDEO, "genuine"), (MediaKind.VIDEO, "self-blended"),
        (MediaKind.IMAGE, "genuine"), (MediaKind.IMAGE, "self-blended"),
        (MediaKind.AUDIO, "genuine"), (MediaKind.AUDIO, "copy-synthesis"),
    ]  # fmt: skip
    for example in made:
        assert probe(example.path).kind is example.kind
        assert example.truth.replace("-", "_") in example.path.stem and example.credit and example.title


def test_clips_are_480p_25_fps_6_s_and_differ_in_the_face_alone(made: list[Example]) -> None:
    genuine, fake = made[0].path, made[1].path
    for path in (genuine, fake):
        info = probe(path)
        assert (info.width_px, info.height_px) == (400, 480)
        assert info.fps == pytest.approx(25) and info.duration_s == pytest.approx(6.0, abs=0.05)
    pairs = zip(read_frames(genuine, AtRate(2.0)), read_frames(fake, AtRate(2.0)), strict=True)
    for real, blend in pairs:
        difference = np.abs(real.rgb.astype(int) - blend.rgb).mean(axis=2)
        assert difference[300:].mean() < 2.5  # coding noise, far from the head
        assert difference[60:150, 150:225].mean() > 2 * difference[300:].mean()


def test_pictures_differ_in_the_face_alone(made: list[Example]) -> None:
    genuine, fake = (np.asarray(Image.open(example.path)).astype(int) for example in made[2:4])
    difference = np.abs(genuine - fake).max(axis=2)
    assert difference.max() > 20
    assert difference[240:].max() == 0


def test_copy_synthesis_keeps_length_and_words_but_not_samples(made: list[Example]) -> None:
    genuine, fake = (np.concatenate([b.waveform for b in read_audio(example.path, 16_000)]) for example in made[4:6])
    assert len(genuine) == pytest.approx(len(fake), abs=2)
    n = min(len(genuine), len(fake)) // 400 * 400
    loudness = [np.sqrt((x[:n].reshape(-1, 400) ** 2).mean(axis=1)) for x in (genuine, fake)]
    assert np.corrcoef(*loudness)[0, 1] > 0.9
    assert np.corrcoef(genuine[:n], fake[:n])[0, 1] < 0.9


def test_a_second_call_writes_nothing_and_a_lost_file_comes_back(made: list[Example]) -> None:
    stamps = {example.path: example.path.stat().st_mtime_ns for example in made}
    made[3].path.unlink()
    again = make_examples(made[0].path.parent)
    assert again == made
    changed = [path for path, stamp in stamps.items() if path.stat().st_mtime_ns != stamp]
    assert changed == [made[3].path]
    assert sorted(path.name for path in made[0].path.parent.iterdir()) == sorted(e.path.name for e in made)


def test_an_interrupted_start_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_clip", broken)
    with pytest.raises(KeyboardInterrupt):
        make_examples(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_cache_folder_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPFAKE_HF_CACHE", str(tmp_path))
    assert default_folder() == tmp_path / "examples" / module.RECIPE


def test_the_portrait_is_left_alone_beyond_the_head() -> None:
    fake, genuine = self_blended_portrait(), astronaut_rgb()
    outside = np.ones((512, 512), bool)
    outside[18:238, 115:335] = False
    np.testing.assert_array_equal(fake[outside], genuine[outside])
    assert LANDMARKS_XY.shape == (68, 2) and LANDMARKS_XY.dtype == np.float32


def test_two_stills_filmed_alike_get_the_same_framing_and_noise() -> None:
    camera = VirtualCamera(size_wh=(160, 120), duration_s=0.4, zoom=(0.5, 0.6))
    still = astronaut_rgb()
    other = still.copy()
    other[:200, :200] = 0
    first, second = list(film(still, camera)), list(film(other, camera))
    assert [time for _, time in first] == pytest.approx([index / 25 for index in range(10)])
    for (a, _), (b, _) in zip(first, second, strict=True):
        np.testing.assert_array_equal(a[80:], b[80:])


def test_the_movement_is_smooth_seeded_and_within_bounds() -> None:
    camera = VirtualCamera(duration_s=20.0)
    path = camera_path(camera)
    np.testing.assert_array_equal(path, camera_path(camera))
    assert not np.array_equal(path, camera_path(dataclasses.replace(camera, seed=1)))
    assert np.abs(np.diff(path[:, :2], axis=0)).max() < 1.5  # still pixels a frame
    assert path[:, 2].min() >= camera.zoom[0] and path[:, 2].max() <= camera.zoom[1]


def test_a_shot_without_frames_is_refused() -> None:
    with pytest.raises(UsageError, match="no frame"):
        list(film(astronaut_rgb(), VirtualCamera(duration_s=0.0)))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="MALLOC_PERTURB_ and CPU affinity are Linux's")
def test_every_process_makes_the_same_bytes(made: list[Example], tmp_path: Path) -> None:
    # That process finds other values in unset memory and another number of cores than this one has: what depends on
    # them differs.
    program = (
        "import hashlib, os, sys\n"
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "from deepfake_hf.synthesis.examples import make_examples\n"
        "for example in make_examples(sys.argv[1]):\n"
        "    print(example.path.name, hashlib.sha256(example.path.read_bytes()).hexdigest())\n"
    )
    call = [sys.executable, "-c", program, str(tmp_path)]
    there = subprocess.check_output(call, env={**os.environ, "MALLOC_PERTURB_": "85"}, text=True).splitlines()
    here = [f"{example.path.name} {hashlib.sha256(example.path.read_bytes()).hexdigest()}" for example in made]
    assert there == here and len(here) == 6
