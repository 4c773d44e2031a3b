"""Memory does not grow with length."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from media_making import loop_packets, make_sound, make_video

READ = """
import resource, sys
from deepfake_hf.media import AtRate, Uniform, probe, read_audio, read_frames
path, how = sys.argv[1:]
info = probe(path)
if how == "sound":
    count = sum(len(track.waveform) for track in read_audio(path, 16000, block_s=5.0))
else:
    sampling = Uniform(16) if how == "uniform" else AtRate(1)
    count = sum(1 for frame in read_frames(path, sampling, info=info, max_side_px=320))
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(path: Path, how: str) -> tuple[int, int]:
    """What was read, and the peak resident size in KiB of a process that did nothing else."""
    done = subprocess.run([sys.executable, "-c", READ, path, how], capture_output=True, text=True, check=True)
    count, kib = done.stdout.split()
    return int(count), int(kib)


@pytest.mark.bench
@pytest.mark.parametrize("how", ["uniform", "rate"])
def test_video_memory_is_flat(tmp_path: Path, how: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (360, 640, 3), dtype=np.uint8)
    short = make_video(tmp_path / "short.mp4", 40, (640, 360), fps=20, pictures=noise, options={"preset": "ultrafast"})
    long = loop_packets(short, tmp_path / "long.mp4", 30)
    (few, short_kib), (many, long_kib) = peak(short, how), peak(long, how)
    assert (few, many) == ((16, 16) if how == "uniform" else (2, 60))
    assert long_kib < 1.3 * short_kib


@pytest.mark.bench
def test_sound_memory_is_flat(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    short = make_sound(tmp_path / "short.wav", rng.normal(0, 0.1, 48000 * 10).astype(np.float32), 48000)
    long = make_sound(tmp_path / "long.wav", rng.normal(0, 0.1, 48000 * 600).astype(np.float32), 48000)
    (few, short_kib), (many, long_kib) = peak(short, "sound"), peak(long, "sound")
    assert (few, many) == (160_000, 9_600_000)
    assert long_kib < 1.3 * short_kib
