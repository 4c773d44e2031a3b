"""The main job on the embedded weights and the project's own example media."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfake_hf.detector import Detector
from deepfake_hf.errors import UsageError
from deepfake_hf.media import AtRate, EveryNth, Uniform, read_audio, read_frames, write_video
from deepfake_hf.synthesis.examples import Example
from deepfake_hf.types import DetectionResult, Frame, MediaKind, Status, Verdict


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.from_pretrained()


@pytest.fixture(scope="module")
def examples(example_files: list[Example]) -> dict[str, Example]:
    return {f"{example.kind.value} {example.truth}": example for example in example_files}


def same(first: DetectionResult, second: DetectionResult) -> None:
    plain = [result.to_dict() for result in (first, second)]
    for one in plain:
        del one["seconds"], one["timings"]
    assert plain[0] == plain[1]


def beside(left: Path, right: Path) -> Iterator[Frame]:
    """Two clips of one length as one picture."""
    for one, two in zip(read_frames(left, EveryNth(1)), read_frames(right, EveryNth(1)), strict=True):
        yield Frame(np.hstack((one.rgb, two.rgb)), one.pts_s, one.index)


def test_a_genuine_clip_and_its_twin_are_scored(detector: Detector, examples: dict[str, Example]) -> None:
    genuine = detector.detect(examples["video genuine"].path)
    fake = detector.detect(examples["video self-blended"].path)
    assert genuine.status is fake.status is Status.SCORED
    assert genuine.verdict is not Verdict.FAKE
    # No order is asked of the filmed pair: these weights do not tell it apart (genuine 0.804, self-blended 0.783).
    assert genuine.p_fake is not None and fake.p_fake is not None
    stills = [detector.detect(examples[f"image {name}"].path).p_fake for name in ("genuine", "self-blended")]
    assert stills[0] is not None and stills[1] is not None and stills[1] > stills[0] + 0.05
    assert fake.kind is MediaKind.VIDEO and len(fake.tracks) == 1 and fake.coverage > 0.9
    assert fake.duration_s is not None and fake.windows[-1].end_s <= fake.duration_s + 0.5
    assert [branch.branch for branch in fake.branches] == ["face"]  # a silent clip


def test_two_runs_are_equal(detector: Detector, examples: dict[str, Example]) -> None:
    path = examples["video self-blended"].path
    same(detector.detect(path, sampling=Uniform(5)), Detector.from_pretrained().detect(path, sampling=Uniform(5)))


def test_one_picture_four_ways(detector: Detector, examples: dict[str, Example]) -> None:
    path = examples["image genuine"].path
    results = [detector.detect(path), detector.detect(str(path)), detector.detect(path.read_bytes())]
    with Image.open(path) as picture:
        results += [detector.detect(picture), detector.detect(np.asarray(picture.convert("RGB")))]
    assert len({round(result.p_fake or -1, 4) for result in results}) == 1
    assert results[0].sha256 == results[2].sha256 and results[0].kind is MediaKind.IMAGE


def test_a_tight_crop_with_nothing_around_it_is_scored(detector: Detector) -> None:
    from deepfake_hf.synthesis.astronaut import LANDMARKS_XY, astronaut_rgb

    left, top = LANDMARKS_XY.min(axis=0).astype(int) - 6
    right, bottom = LANDMARKS_XY.max(axis=0).astype(int) + 6
    crop = np.ascontiguousarray(astronaut_rgb()[top - 20 : bottom, left:right])
    assert detector.detect(crop).status is Status.SCORED


def test_speech_and_its_copy(detector: Detector, examples: dict[str, Example]) -> None:
    genuine = detector.detect(examples["audio genuine"].path)
    copied = detector.detect(examples["audio copy-synthesis"].path)
    assert genuine.status is copied.status is Status.SCORED
    assert genuine.p_fake is not None and copied.p_fake is not None and copied.p_fake > genuine.p_fake
    assert genuine.kind is MediaKind.AUDIO and not genuine.tracks and genuine.coverage > 0.9


def test_two_people_of_whom_one_is_fake(detector: Detector, examples: dict[str, Example], tmp_path: Path) -> None:
    path = tmp_path / "two.mp4"
    write_video(path, beside(examples["video genuine"].path, examples["video self-blended"].path), 25.0)
    result = detector.detect(path)
    long = [track for track in result.tracks if track.num_scored >= 5]
    assert len(long) == 2
    left, right = sorted(long, key=lambda track: min(w.box_xyxy[0] for w in result.windows if w.track == track.track))
    assert right.p_fake is not None and left.p_fake is not None
    assert len(result.branches) == 1 and "voices" in result.reason


def test_a_face_for_two_seconds_only(detector: Detector, examples: dict[str, Example], tmp_path: Path) -> None:
    def frames() -> Iterator[Frame]:
        for frame in read_frames(examples["video genuine"].path, EveryNth(1)):
            shown = 2.0 <= frame.pts_s < 4.0
            yield frame if shown else Frame(np.full_like(frame.rgb, 90), frame.pts_s, frame.index)

    write_video(tmp_path / "short.mp4", frames(), 25.0)
    result = detector.detect(tmp_path / "short.mp4")
    assert result.status is Status.SCORED and result.coverage < 0.6
    assert 1.5 <= result.tracks[0].start_s <= 2.5 and 3.5 <= result.tracks[0].end_s <= 4.6


def test_abstentions_have_a_status_a_reason_and_no_number(detector: Detector, tmp_path: Path) -> None:
    empty = detector.detect(np.full((240, 320, 3), 128, np.uint8))
    assert empty.status is Status.NO_FACE and empty.p_fake is None and empty.verdict is None
    assert "no face" in empty.reason
    (tmp_path / "notes.mp4").write_text("this is no film")
    broken = detector.detect(tmp_path / "notes.mp4")
    assert broken.status is Status.UNREADABLE and broken.p_fake is None and "notes.mp4" in broken.reason
    assert detector.detect(tmp_path / "nowhere.mp4").status is Status.UNREADABLE


def test_silence_is_no_speech(detector: Detector, tmp_path: Path) -> None:
    from deepfake_hf.media import write_audio
    from deepfake_hf.types import AudioTrack

    for seconds, status in ((3.0, Status.NO_SPEECH), (0.3, Status.TOO_SHORT)):
        path = tmp_path / f"{status}.wav"
        write_audio(path, AudioTrack(np.zeros(int(16_000 * seconds), np.float32), 16_000), codec="wav")
        result = detector.detect(path)
        assert result.status is status and result.p_fake is None, seconds


def test_a_truncated_clip_is_scored_with_less_coverage(
    detector: Detector, examples: dict[str, Example], tmp_path: Path
) -> None:
    import av

    # MPEG-TS has no index at its end, so that a part of it can still be read.
    whole = tmp_path / "whole.ts"
    with av.open(str(examples["video genuine"].path)) as source, av.open(str(whole), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = whole.read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(data[: int(len(data) * 0.6)])
    result = detector.detect(cut)
    assert result.status is Status.SCORED
    cut.write_bytes(data[: int(len(data) * 0.05)])
    first = detector.detect(cut)
    assert first.p_fake is None or first.warnings
    for _ in range(5):
        same(first, detector.detect(cut))


def test_threshold_sets_the_band(detector: Detector, examples: dict[str, Example]) -> None:
    path = examples["image self-blended"].path
    strict = detector.detect(path, threshold=0.9999)
    loose = detector.detect(path, threshold="0.0001")
    assert strict.band is not None and strict.band.fake_at == 0.9999 and strict.verdict is not Verdict.FAKE
    assert loose.verdict is Verdict.FAKE
    assert detector.detect(path, threshold="fpr5").verdict is not Verdict.UNCERTAIN
    with pytest.raises(UsageError):
        detector.detect(path, threshold="often")


def test_sampling_is_obeyed(detector: Detector, examples: dict[str, Example]) -> None:
    path = examples["video genuine"].path
    for sampling, low, high in ((Uniform(4), 4, 4), (AtRate(1.0), 6, 7), (EveryNth(50), 3, 4)):
        assert low <= len(detector.detect(path, sampling=sampling).windows) <= high


def test_streams_give_a_running_result(detector: Detector, examples: dict[str, Example]) -> None:
    frames = ((frame.rgb, frame.pts_s) for frame in read_frames(examples["video genuine"].path, AtRate(5.0)))
    results = list(detector.stream(frames))
    assert results[-1].status is Status.SCORED and len(results[-1].windows) > len(results[0].windows)
    blocks = (block.waveform for block in read_audio(examples["audio genuine"].path, 16_000, block_s=1.0))
    spoken = list(detector.stream(blocks))
    assert spoken[-1].status is Status.SCORED and spoken[-1].branches[0].branch == "speech"
    with pytest.raises(UsageError, match="Hz"):
        next(iter(detector.stream([np.zeros(100, np.float32)], sampling_rate=44_100)))


def test_many_files_and_a_broken_one_between(detector: Detector, examples: dict[str, Example], tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    paths = [examples["image genuine"].path, tmp_path / "empty.jpg", examples["audio genuine"].path]
    assert [r.status for r in detector.detect_many(paths)] == [Status.SCORED, Status.UNREADABLE, Status.SCORED]


def test_what_is_no_medium_is_a_usage_error(detector: Detector) -> None:
    for wrong in (np.zeros((10, 10, 3), np.float32), np.zeros((10, 10), np.uint8), 5):
        with pytest.raises(UsageError, match="cannot be analysed"):
            detector.detect(wrong)  # type: ignore[arg-type]


def test_a_result_is_frozen_and_json(detector: Detector, examples: dict[str, Example]) -> None:
    result = detector.detect(examples["image genuine"].path)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.p_fake = 0.0  # type: ignore[misc]
    plain = json.loads(json.dumps(result.to_dict()))
    for key in (
        *("path", "status", "verdict", "p_fake", "reason", "duration_s", "branches", "tracks", "segments"),
        *("coverage", "sha256", "weights", "versions", "seconds"),
    ):
        assert key in plain
