"""Clock, sizes, ends and writers of containers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepfake_hf.evidence.container import clock_finding, container_findings, rate_changes
from deepfake_hf.evidence.gather import gather
from deepfake_hf.types import Finding, Strength
from tests.media.media_making import loop_packets, make_sound, make_video, sine


def by_title(path: Path) -> dict[str, Finding]:
    return {finding.title: finding for finding in container_findings(path)}


def test_a_plain_clip_is_whole_even_and_names_its_writer(tmp_path: Path) -> None:
    found = by_title(make_video(tmp_path / "a.mp4", num_frames=50, sound_codec="aac"))
    assert list(found) == ["Who wrote the file", "Completeness", "Frame rate", "Picture size"]
    assert "FFmpeg" in str(found["Who wrote the file"].finding) and "x264" in str(found["Who wrote the file"].finding)
    assert found["Completeness"].strength is Strength.NEUTRAL
    assert found["Frame rate"].finding == "constant, 25.00 frames/s"
    assert "64 x 48" in str(found["Picture size"].finding)
    assert not any(finding.abstained for finding in found.values())


def test_a_cut_file_is_found(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "a.mkv", num_frames=100, size=(320, 240), pictures=None)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    found = by_title(cut)["Completeness"]
    assert found.strength is Strength.MODERATE and "its header states" in str(found.finding)


def test_gaps_and_changes_of_rate_are_found(tmp_path: Path) -> None:
    pts_ms = [*range(0, 3000, 40), *range(5000, 8000, 100)]
    found = by_title(make_video(tmp_path / "a.mp4", num_frames=len(pts_ms), pts_ms=pts_ms))["Frame rate"]
    assert found.finding == "1 change of the frame rate and 1 gap between frames"
    facts = [value for name, value in found.facts if name in ("gap", "rate changes")]
    assert "from 25.00 to 10.00" in facts[0] and facts[1] == "2.04 s at 2.96 s"


def test_jitter_is_no_change_of_rate() -> None:
    rng = np.random.default_rng(0)
    times_s = np.cumsum(np.clip(rng.normal(0.04, 0.01, 500), 0.005, None))
    assert rate_changes(times_s) == []
    assert "variable" in str(clock_finding(times_s).finding)
    assert "at least 10" in str(clock_finding(times_s[:5]).abstained)


def test_a_change_of_size_is_found(tmp_path: Path) -> None:
    small = make_video(tmp_path / "a.ts", num_frames=30)
    large = make_video(tmp_path / "b.ts", num_frames=30, size=(128, 96))
    joined = tmp_path / "c.ts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    found = by_title(joined)["Picture size"]
    assert found.strength is Strength.MODERATE and "1 time" in str(found.finding)


def test_sound_of_another_length_and_sound_alone(tmp_path: Path) -> None:
    found = by_title(make_video(tmp_path / "a.mp4", num_frames=100, sound_codec="aac", sound_s=1.5))["Completeness"]
    assert found.strength is Strength.WEAK and "differ in length by 2.5" in str(found.finding)
    titles = [finding.title for finding in gather(make_sound(tmp_path / "a.flac", sine(2, 16000), 16000, "flac"))]
    assert titles == ["C2PA manifest", "Who wrote the file", "Completeness", "Earlier compression"]


def test_a_long_file_is_walked_through_without_decoding(tmp_path: Path) -> None:
    """Ten minutes of packets in seconds."""
    source = make_video(tmp_path / "a.mp4", num_frames=250)
    found = by_title(loop_packets(source, tmp_path / "long.mp4", 60))
    assert dict(found["Frame rate"].facts)["frames"] == "15000"
    assert found["Frame rate"].finding == "constant, 25.00 frames/s"
