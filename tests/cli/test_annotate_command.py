"""``annotate`` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from deepfake_hf.cli.app import app
from deepfake_hf.media import EveryNth, probe, read_frames
from deepfake_hf.synthesis.astronaut import astronaut_rgb
from tests.media.media_making import make_video
from tests.tiny_bundle import write_tiny_bundle

runner = CliRunner()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_bundle(tmp_path_factory.mktemp("weights") / "tiny").path)


def portrait() -> np.ndarray:
    return astronaut_rgb()[:320, 60:380]


def test_faces_sound_and_uneven_times(tmp_path: Path) -> None:
    pts_ms = [0, 40, 100, 333, 400, 700, 701, 1000, 1333]
    source = make_video(
        tmp_path / "a.mp4", len(pts_ms), (320, 320), pts_ms=pts_ms, pictures=portrait(), sound_codec="aac"
    )
    out = tmp_path / "new" / "b.mp4"
    done = runner.invoke(app, ["annotate", str(source), str(out)])
    assert done.exit_code == 0, done.output
    frames = list(read_frames(out, EveryNth(1)))
    assert [round(1000 * frame.pts_s) for frame in frames] == pts_ms
    info = probe(out)
    assert info.width_px == 320 and (info.height_px or 0) > 360 and info.audio_codec == "aac"
    before = next(iter(read_frames(source, EveryNth(1)))).rgb.astype(int)
    changed = np.abs(frames[0].rgb[:320].astype(int) - before).max(axis=2) > 60
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert rows[0] > 20 and rows[-1] < 200 and columns[0] > 100 and columns[-1] < 260  # around the face alone


def test_what_has_no_moving_picture_is_bad_usage(tmp_path: Path, bundle: str) -> None:
    Image.fromarray(portrait()).save(tmp_path / "a.png")
    done = runner.invoke(app, ["annotate", str(tmp_path / "a.png"), str(tmp_path / "b.mp4"), "--bundle", bundle])
    assert done.exit_code == 2 and "deepfake-hf report" in done.output
    video = make_video(tmp_path / "a.mp4", 10)
    for out in ("a.mp4", "b.avi"):
        done = runner.invoke(app, ["annotate", str(video), str(tmp_path / out), "--bundle", bundle])
        assert done.exit_code == 2 and "Traceback" not in done.output
    (tmp_path / "c.mp4").write_text("no film")
    assert runner.invoke(app, ["annotate", str(tmp_path / "c.mp4"), str(tmp_path / "d.mp4")]).exit_code == 3


def test_a_file_whose_pictures_change_their_size(tmp_path: Path, bundle: str) -> None:
    parts = []
    for place, side in enumerate((320, 200)):
        part = make_video(tmp_path / f"{place}.ts", 10, (side, side), pictures=portrait()[:side, :side])
        parts.append(part.read_bytes())
    source, out = tmp_path / "both.ts", tmp_path / "out.mp4"
    source.write_bytes(b"".join(parts))
    sides = {frame.rgb.shape[0] for frame in read_frames(source, EveryNth(1))}
    assert sides == {320, 200}
    done = runner.invoke(app, ["annotate", str(source), str(out), "--bundle", bundle])
    assert done.exit_code == 0, done.output
    frames = list(read_frames(out, EveryNth(1)))
    assert len(frames) == 20 and len({frame.rgb.shape for frame in frames}) == 1
    assert np.abs(frames[15].rgb[:320].astype(int).mean() - frames[5].rgb[:320].astype(int).mean()) < 60
