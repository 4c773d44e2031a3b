"""Perturbed copies of files: nothing else changes, times stay, memory is bounded by blocks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from media_making import chirp, grey_number, loop_packets, make_sound, make_video, sine
from PIL import Image

from deepfake_hf.media import AtRate, EveryNth, Random, probe, read_audio, read_frames, read_image
from deepfake_hf.media import perturb_media as copying
from deepfake_hf.media.perturb_grid import LADDERS, Perturbation
from deepfake_hf.media.perturb_media import Stretch, applies, write_perturbed

EVERY = EveryNth(1)


def step(name: str, level: int = 1) -> Perturbation:
    return Perturbation(LADDERS[name], level)


def sound_of(path: Path, rate: int) -> np.ndarray:
    return np.concatenate([block.waveform for block in read_audio(path, rate)])


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """2 s at 10 frames a second, 63 x 47 as shown, with sound that begins at 0.3 s."""
    return make_video(tmp_path / "a.mkv", 20, (64, 48), fps=10, sound_codec="pcm_s16le", sound_start_s=0.3, sound_s=1.6)


def test_a_plain_copy_is_the_same(video: Path, tmp_path: Path) -> None:
    copy = write_perturbed(video, tmp_path, probe(video), None, AtRate(5), 0)
    first, second = list(read_frames(video, AtRate(5))), list(read_frames(copy, AtRate(5)))
    assert len(first) == len(second) == 10
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.rgb, other.rgb) and one.pts_s == pytest.approx(other.pts_s, abs=1e-3)
    (before,), (after,) = read_audio(video, 48000), read_audio(copy, 48000)
    assert before.start_s == pytest.approx(after.start_s, abs=2e-3)
    assert np.abs(before.waveform - after.waveform).max() < 1e-6


def test_pictures_of_a_video_change_and_its_sound_does_not(video: Path, tmp_path: Path) -> None:
    copy = write_perturbed(video, tmp_path, probe(video), step("contrast", 3), EVERY, 0)
    assert np.abs(sound_of(copy, 48000) - sound_of(video, 48000)).max() < 1e-6
    pairs = zip(read_frames(video, EVERY), read_frames(copy, EVERY), strict=True)
    assert all(np.array_equal(step("contrast", 3).picture(a.rgb, np.random.default_rng()), b.rgb) for a, b in pairs)


def test_each_frame_has_noise_of_its_own(video: Path, tmp_path: Path) -> None:
    def differences(seed: int) -> np.ndarray:
        copy = write_perturbed(video, tmp_path, probe(video), step("noise"), EVERY, seed)
        pairs = zip(read_frames(video, EVERY), read_frames(copy, EVERY), strict=True)
        return np.stack([b.rgb.astype(int) - a.rgb for a, b in pairs])

    first = differences(1)
    assert np.array_equal(first, differences(1)) and not np.array_equal(first, differences(2))
    assert not np.array_equal(first[0], first[1])


def test_h264_keeps_all_frames(video: Path, tmp_path: Path) -> None:
    copy = write_perturbed(video, tmp_path, probe(video), step("h264", 5), AtRate(1), 0)
    assert probe(copy).video_codec == "h264"
    assert [grey_number(frame.rgb) for frame in read_frames(copy, EVERY)] == pytest.approx(range(20), abs=1)
    assert np.abs(sound_of(copy, 48000) - sound_of(video, 48000)).max() < 1e-6


def test_sound_of_a_video_changes_and_its_pictures_do_not(video: Path, tmp_path: Path) -> None:
    copy = write_perturbed(video, tmp_path, probe(video), step("white_noise", 3), EVERY, 0)
    pairs = zip(read_frames(video, EVERY), read_frames(copy, EVERY), strict=True)
    assert all(np.array_equal(a.rgb, b.rgb) for a, b in pairs)
    added = sound_of(copy, 48000) - sound_of(video, 48000)
    assert 20 * np.log10(np.std(sound_of(video, 48000)) / np.std(added)) == pytest.approx(20.0, abs=0.1)


def test_blocks_join_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_sound(tmp_path / "long.wav", chirp(20.0, 16000), 16000)
    info = probe(path)

    def made(name: str) -> np.ndarray:
        return sound_of(write_perturbed(path, tmp_path, info, step(name, 2), EVERY, 0), 16000)

    # a codec chooses its bits anew: there the two may differ by as much as either differs from the original
    original = sound_of(path, 16000)
    for name, times in (("band", 0.0), ("reverberation", 0.0), ("opus", 1.5)):
        monkeypatch.setattr(copying, "BLOCK_S", 60.0)
        whole = made(name)
        monkeypatch.setattr(copying, "BLOCK_S", 5.0)
        parts = made(name)
        assert len(parts) == len(whole) == 20 * 16000
        assert np.std(parts - whole) <= 0.005 + times * np.std(whole - original), name


def test_time_changes_only_where_it_is_meant_to(tmp_path: Path, video: Path) -> None:
    path = make_sound(tmp_path / "a.wav", sine(3.0, 16000), 16000)
    info = probe(path)
    faster = write_perturbed(path, tmp_path, info, step("faster", 2), EVERY, 0)
    assert probe(faster).duration_s == pytest.approx(3.0 / 1.1, abs=0.01)
    cut = write_perturbed(path, tmp_path, info, step("length", 4), EVERY, 0)
    assert probe(cut).duration_s == pytest.approx(1.0, abs=0.01)
    assert applies(step("length", 1), info, Stretch()) == "it is no longer than that"
    assert applies(step("length", 4), info, Stretch(1.0, 1.5)) is not None
    assert "video" in str(applies(step("faster"), probe(video), Stretch()))


def test_a_stretch_is_cut_out(video: Path, tmp_path: Path) -> None:
    copy = write_perturbed(video, tmp_path, probe(video), None, EVERY, 0, Stretch(0.5, 1.2))
    frames = list(read_frames(copy, EVERY))
    assert [grey_number(frame.rgb) for frame in frames] == pytest.approx([5, 6, 7, 8, 9, 10, 11], abs=1)
    assert frames[0].pts_s == pytest.approx(0.0, abs=2e-3)
    assert len(sound_of(copy, 48000)) == pytest.approx(0.7 * 48000, abs=4)


def test_pictures(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (40, 30, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    info = probe(tmp_path / "a.png")
    assert np.array_equal(read_image(write_perturbed(tmp_path / "a.png", tmp_path, info, None, EVERY, 0)).rgb, rgb)
    changed = read_image(write_perturbed(tmp_path / "a.png", tmp_path, info, step("blur"), EVERY, 0)).rgb
    assert np.array_equal(changed, step("blur").picture(rgb, np.random.default_rng()))
    assert applies(step("h264"), info, Stretch()) == "it is no video"
    assert applies(step("mp3"), info, Stretch()) == "it has no sound"


def test_random_frames_of_a_file(video: Path) -> None:
    chosen = [frame.index for frame in read_frames(video, Random(4, seed=1))]
    assert chosen == [frame.index for frame in read_frames(video, Random(4, seed=1))]
    assert [index // 5 for index in chosen] == [0, 1, 2, 3]
    others = {tuple(frame.index for frame in read_frames(video, Random(4, seed=seed))) for seed in range(6)}
    assert len(others) > 3


COPY = """
import resource, sys
from pathlib import Path
from deepfake_hf.media import AtRate, probe
from deepfake_hf.media.perturb_grid import choose
from deepfake_hf.media.perturb_media import write_perturbed
source, folder, name = sys.argv[1:]
(step,) = choose([name], [1])
write_perturbed(Path(source), Path(folder), probe(source), step, AtRate(2), 0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_kib(source: Path, folder: Path, name: str) -> int:
    command = [sys.executable, "-c", COPY, str(source), str(folder), name]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.bench
@pytest.mark.slow
def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (180, 320, 3), dtype=np.uint8)
    few = make_video(tmp_path / "few.mp4", 40, (320, 180), fps=20, pictures=noise, options={"preset": "ultrafast"})
    many = loop_packets(few, tmp_path / "many.mp4", 10)
    assert peak_kib(many, tmp_path, "h264") < 1.2 * peak_kib(few, tmp_path, "h264")
    short = make_sound(tmp_path / "short.wav", rng.normal(0, 0.1, 16000 * 130).astype(np.float32), 16000)
    long = make_sound(tmp_path / "long.wav", rng.normal(0, 0.1, 16000 * 800).astype(np.float32), 16000)
    assert peak_kib(long, tmp_path, "white_noise") < 1.2 * peak_kib(short, tmp_path, "white_noise")
