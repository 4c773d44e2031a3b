"""Face crops: cached, resumed, the same for any number of workers, and every file without a face by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.data import astronaut

from deepfake_hf.data import CropPlan, ManifestRow, crops, extract_faces, read_manifest, write_manifest
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.media import write_video

PLAN = CropPlan(frames=3, size=96)


@pytest.fixture(scope="module")
def portrait() -> NDArray[np.uint8]:
    return np.ascontiguousarray(astronaut()[:320, :400])


@pytest.fixture
def rows(tmp_path: Path, portrait: NDArray[np.uint8]) -> list[ManifestRow]:
    """The FF++ name 000_003 in two folders, a picture, a scene without a face, a broken and a missing file."""
    made = []
    for method in ("Deepfakes", "FaceSwap"):
        path = tmp_path / method / "000_003.mp4"
        path.parent.mkdir()
        shade = portrait if method == "Deepfakes" else portrait // 2
        write_video(path, [(shade, step / 10) for step in range(10)], 10)
        made.append(ManifestRow(str(path), FAKE, "ff", method, "000|003", "000|003", "train"))
    Image.fromarray(portrait).save(tmp_path / "real.png")
    Image.fromarray(np.full((96, 96, 3), 120, np.uint8)).save(tmp_path / "wall.png")
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    names = ("real.png", "wall.png", "broken.mp4", "gone.mp4")
    return made + [ManifestRow(str(tmp_path / name), REAL, "ff", split="test") for name in names]


def test_every_row_has_an_outcome_and_equal_names_stay_apart(tmp_path: Path, rows: list[ManifestRow]) -> None:
    seen: list[tuple[int, int]] = []
    found, report = extract_faces(rows, tmp_path / "out", PLAN, workers=2, progress=lambda *step: seen.append(step))
    assert seen == [(n, 6) for n in range(1, 7)]
    assert [outcome.status for outcome in report.outcomes] == ["scored"] * 3 + ["no_face", "unreadable", "missing"]
    assert [row.method for row in found] == ["Deepfakes"] * 3 + ["FaceSwap"] * 3 + [""]
    assert len({row.path for row in found}) == 7 and {row.source for row in found[:6]} == {"000|003"}
    assert found[-1].source == rows[2].path, "a crop without a named source is tied to its file"
    bright, dim = (np.asarray(Image.open(found[place].path)) for place in (0, 3))
    assert bright.shape == (96, 96, 3) and bright.mean() > 1.7 * dim.mean()
    report.write(tmp_path / "report.json")
    listed = json.loads((tmp_path / "report.json").read_text())["without_crops"]
    assert {status: [Path(item["path"]).name for item in items] for status, items in listed.items()} == {
        "no_face": ["wall.png"], "unreadable": ["broken.mp4"], "missing": ["gone.mp4"]
    }  # fmt: skip
    write_manifest(tmp_path / "out" / "manifest.csv", found)
    assert read_manifest(tmp_path / "out" / "manifest.csv") == found


def test_a_second_run_reads_nothing_and_gives_the_same(
    tmp_path: Path, rows: list[ManifestRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, report = extract_faces(rows[:4], tmp_path / "out", PLAN, workers=1)
    read: list[str] = []
    real = crops._main_face

    def spy(row: ManifestRow, *rest: object) -> object:
        read.append(Path(row.path).name)
        return real(row, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(crops, "_main_face", spy)
    assert extract_faces(rows[:4], tmp_path / "out", PLAN, workers=2) == (first, report) and not read
    Path(first[0].path).unlink()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(rows[3].path)
    again, _ = extract_faces(rows[:4], tmp_path / "out", PLAN, workers=1)
    assert again == first and read == ["000_003.mp4", "wall.png"], "a lost crop and a changed file alone are done again"


def test_an_interrupted_run_goes_on(tmp_path: Path, rows: list[ManifestRow]) -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_faces(rows[:3], tmp_path / "out", PLAN, workers=1, progress=stop)
    found, _ = extract_faces(rows[:3], tmp_path / "out", PLAN, workers=1)
    fresh, _ = extract_faces(rows[:3], tmp_path / "other", PLAN, workers=1)
    assert [Path(row.path).read_bytes() for row in found] == [Path(row.path).read_bytes() for row in fresh]


def test_a_stretch_gives_frames_of_that_stretch_alone(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    path = tmp_path / "two.mp4"
    write_video(path, [(portrait if step < 10 else portrait // 2, step / 10) for step in range(20)], 10)
    rows = [ManifestRow(str(path), REAL, end_s=1.0), ManifestRow(str(path), FAKE, start_s=1.0)]
    found, _ = extract_faces(rows, tmp_path / "out", PLAN, workers=1)
    level = {label: [np.asarray(Image.open(r.path)).mean() for r in found if r.label == label] for label in (0, 1)}
    assert len(level[REAL]) == 3 and len(level[FAKE]) == 3
    assert min(level[REAL]) > 1.5 * max(level[FAKE])
