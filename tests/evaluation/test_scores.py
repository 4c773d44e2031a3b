"""The scores table: what a video is, reading and writing, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepfake_hf.data import ManifestRow
from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.breakdown import Items, by_method, figures
from deepfake_hf.evaluation.scores import Score, at_level, read_scores, to_videos, video_names, write_scores
from deepfake_hf.scoring.calibration import margin_of, sigmoid

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")


def faceforensics_frames() -> list[Score]:
    """Frames of one pair in all four methods and of its genuine video, as FaceForensics++ names them."""
    scores = []
    for place, method in enumerate(("", *METHODS)):
        name = "000_003" if method else "000"
        for frame in range(4):
            path = f"ff/{method or 'original'}/frames/{name}/{frame:04d}.png"
            p_fake = 0.1 if not method else 0.5 + 0.1 * place
            scores.append(Score("frame", path, int(bool(method)), p_fake, "FaceForensics++", method, name))
    return scores


def test_the_four_000_003_of_faceforensics_are_four_videos() -> None:
    videos = to_videos(faceforensics_frames())
    assert len(videos) == 5  # a key of the folder's name alone would find two
    assert {video.method: round(video.p_fake or 0, 6) for video in videos} == {
        "": 0.1, "Deepfakes": 0.6, "Face2Face": 0.7, "FaceSwap": 0.8, "NeuralTextures": 0.9,
    }  # fmt: skip
    table = by_method(Items.of(videos, 0.75))
    assert {name.split(" / ")[1]: row["recall"] for name, row in table.items()} == {
        "Deepfakes": 0.0, "Face2Face": 0.0, "FaceSwap": 1.0, "NeuralTextures": 1.0,
    }  # fmt: skip
    frames = figures(Items.of(at_level(faceforensics_frames(), "frame"), 0.75))
    assert (frames["n_real"], frames["n_fake"], frames["n_videos"]) == (4, 16, 5)


def test_without_the_method_the_four_are_refused_rather_than_merged_with_another_label() -> None:
    scores = [replace(score, method="", video="000_003") for score in faceforensics_frames()]
    with pytest.raises(DataError, match="000_003 is called both real and fake"):
        to_videos(scores)


def test_files_of_one_name_stay_two_videos() -> None:
    paths = ("/a/cam1/001.mp4", "/a/cam2/001.mp4", "/a/cam2/002.mp4", "/a/cam2/002.wav", "/b/x/run.v1", "/b/x/run.v2")
    names = video_names([ManifestRow(path, 0, "set") for path in paths])
    assert names[:2] == ["cam1/001", "cam2/001"]
    assert len(set(names)) == len(paths)
    four = [ManifestRow(f"/ff/{method}/000_003.mp4", 1, "FF++", method) for method in METHODS]
    assert video_names(four) == ["000_003"] * 4


def test_a_video_of_many_parts_gets_their_robust_mean() -> None:
    values = [0.1, 0.2, 0.4, 0.9]
    parts = [Score("frame", "v", 0, value, video="v") for value in values]
    [video] = to_videos([*parts, Score("frame", "v", 0, None, video="v", status="too_dark")])
    assert video.p_fake == pytest.approx(sigmoid(float(np.mean(margin_of(values)))))
    assert video.coverage == 0.8
    [unscored] = to_videos([Score("frame", "v", 0, None, video="v", status="too_dark", reason="black")] * 2)
    assert (unscored.p_fake, unscored.status, unscored.reason) == (None, "too_dark", "black")


def test_the_mediums_own_score_goes_before_its_windows() -> None:
    own = Score("video", "v", 1, 0.7, video="v")
    assert to_videos([Score("frame", "v", 1, 0.1, video="v"), own]) == [own]


@pytest.mark.parametrize("name", ["scores.csv", "scores.jsonl", "scores.parquet"])
def test_round_trip(tmp_path: Path, name: str) -> None:
    scores = [
        Score(
            "frame", "/m/a.mp4", 1, 0.1234567890123, "set", "swap", "a", "anna", "a", "test", 0.25, 0.5, "face", 2,
            fpr1=0.9, fpr5=0.6, weights="w", groups={"group_sex": "f"},
        ),
        Score("video", "/m/b.mp4", 0, None, video="b", status="no_face", reason='none "found",\nin 3 frames'),
    ]  # fmt: skip
    write_scores(tmp_path / name, scores)
    assert read_scores(tmp_path / name) == scores


def test_a_foreign_table_needs_three_columns(tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text("path,label,p_fake,age\n/x/1.mp4,real,0.2,old\n/y/1.mp4,spoof,,young\n")
    first, second = read_scores(path)
    assert (first.level, first.label, first.p_fake, first.value("age")) == ("video", 0, 0.2, "old")
    assert (second.label, second.p_fake, second.status) == (1, None, "unscored")
    assert first.key != second.key


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label,p_fake\na,1,0.5\n", "label is the number 1"),
        ("path,label,p_fake\na,real,1.5\n", "row 1: p_fake is 1.5"),
        ("path,label,p_fake\na,real,0.5\nb,fake,high\n", "row 2: p_fake is 'high'"),
        ("path,label\na,real\n", "no column p_fake"),
        ("path,label,p_fake,level\na,real,0.5,shot\n", "level is 'shot'"),
        ("path,label,p_fake,status\na,real,0.5,no_face\n", "status is no_face but p_fake is 0.5"),
        ("path,label,p_fake\n", "no rows"),
    ],
)
def test_bad_tables_are_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_scores(path)
    assert said in str(caught.value)
