"""``deepfake-hf synth`` as a user runs it, on the portrait, a short film of it and the speech sample."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from deepfake_hf.cli import synth
from deepfake_hf.cli.app import app
from deepfake_hf.cli.synth_run import Plan, find_sources
from deepfake_hf.data.manifest import ManifestRow, read_manifest, write_manifest
from deepfake_hf.media import EveryNth, Uniform, probe, read_audio, read_frames, read_image, write_audio, write_video
from deepfake_hf.synthesis.astronaut import astronaut_rgb
from deepfake_hf.synthesis.examples import SPEECH_RATE, speech_pair
from deepfake_hf.synthesis.virtual_camera import VirtualCamera, film
from deepfake_hf.types import AudioTrack

runner = CliRunner()
CAMERA = VirtualCamera((280, 300), fps=12.5, duration_s=1.0, aim_xy=(225.0, 130.0), zoom=(1.0, 1.05), pan_px=4.0)


@pytest.fixture(scope="module")
def speech() -> AudioTrack:
    return AudioTrack(speech_pair()[0][: 4 * SPEECH_RATE], SPEECH_RATE)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory, speech: AudioTrack) -> Path:
    """in/: a portrait, its mirror image, two short films with sound, a film of a wall, two sound files, a wreck."""
    folder = tmp_path_factory.mktemp("genuine") / "in"
    folder.mkdir()
    portrait = np.ascontiguousarray(astronaut_rgb()[:300, 76:376])
    Image.fromarray(portrait).save(folder / "portrait.png")
    Image.fromarray(np.ascontiguousarray(portrait[:, ::-1])).save(folder / "mirror.jpg", quality=95)
    short = AudioTrack(speech.waveform[:SPEECH_RATE], SPEECH_RATE)
    write_video(folder / "first.mp4", film(astronaut_rgb(), CAMERA), CAMERA.fps, audio=short, crf=18)
    other = film(np.ascontiguousarray(astronaut_rgb()[:, ::-1]), dataclasses.replace(CAMERA, aim_xy=(286.0, 130.0)))
    write_video(folder / "second.mp4", other, CAMERA.fps, audio=short, crf=18)
    write_video(folder / "wall.mp4", [(np.full((96, 96, 3), 90, np.uint8), 0.1 * k) for k in range(5)], 10)
    write_audio(folder / "speech.wav", speech, codec="wav")
    write_audio(folder / "reversed.wav", AudioTrack(speech.waveform[::-1].copy(), SPEECH_RATE), codec="wav")
    (folder / "wreck.mp4").write_text("no film")
    return folder


@pytest.fixture(scope="module", autouse=True)
def _one_finder() -> object:
    """The weights in the box, loaded once."""
    found = synth._finder()
    patch = pytest.MonkeyPatch()
    patch.setattr(synth, "_finder", lambda: found)
    yield found
    patch.undo()


def _do(*words: object) -> tuple[int, str]:
    done = runner.invoke(app, ["synth", *[str(word) for word in words]])
    assert not isinstance(done.exception, Exception) or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def _details(out: Path, stem: str) -> dict:
    return json.loads((out / "details" / f"{stem}.json").read_text())


def _grey(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def test_self_blend_makes_masks_twins_details_and_a_manifest(media: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, text = _do("self-blend", media / "portrait.png", media / "first.mp4", "--out", out, "--seed", 4)
    assert code == 0 and "2 made" in text
    rows = read_manifest(out / "manifest.csv")
    assert [(Path(row.path).name, row.label, row.method, row.source) for row in rows] == [
        ("in_portrait.png", 0, "", "in/portrait.png"),
        ("in_portrait_self-blend.png", 1, "self-blend", "in/portrait.png"),
        ("in_first.mp4", 0, "", "in/first.mp4"),
        ("in_first_self-blend.mp4", 1, "self-blend", "in/first.mp4"),
    ]
    assert all(Path(row.path).is_file() for row in rows)
    mask = np.asarray(Image.open(out / "masks" / "in_portrait_self-blend.png"))
    genuine, fake = (read_image(row.path).rgb for row in rows[:2])
    assert np.array_equal(genuine, read_image(media / "portrait.png").rgb)
    assert mask.shape == genuine.shape[:2] and mask.max() > 50
    assert np.abs(fake.astype(int) - genuine)[mask > 50].mean() > 0.5
    details = _details(out, "in_first_self-blend")
    frames = list(read_frames(rows[3].path, EveryNth(1)))
    masks = _grey(out / details["mask"])
    assert len(frames) == len(masks) == details["frames"] == details["frames_changed"] == 12
    assert details["seed"] == 4 and details["changed_s"] == [[0.0, 0.96]] and details["settings"]["ratio"] > 0
    assert probe(rows[2].path).video_codec == probe(rows[3].path).video_codec and probe(rows[3].path).num_audio_streams


def test_the_seed_decides_every_byte_and_nothing_is_overwritten(media: Path, tmp_path: Path) -> None:
    made = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert (
            _do("self-blend", media / "first.mp4", "--until", 0.5, "--seed", seed, "--out", tmp_path / folder)[0] == 0
        )
        made.append((tmp_path / folder / "fakes" / "in_first_self-blend.mp4").read_bytes())
    assert made[0] == made[1] != made[2]
    again = ("self-blend", media / "first.mp4", "--until", 0.5, "--seed", 2, "--out", tmp_path / "a")
    code, text = _do(*again)
    assert code == 0 and "0 made, 1 kept" in text
    assert (tmp_path / "a" / "fakes" / "in_first_self-blend.mp4").read_bytes() == made[0]
    assert _do(*again, "--overwrite")[0] == 0
    assert (tmp_path / "a" / "fakes" / "in_first_self-blend.mp4").read_bytes() == made[2]
    (tmp_path / "a" / "manifest.csv").unlink()
    code, text = _do(*again)
    assert code == 3 and "--overwrite" in text


def test_one_broken_file_never_stops_the_rest(media: Path, tmp_path: Path) -> None:
    tiny = tmp_path / "tiny.png"
    Image.fromarray(np.full((5, 4, 3), 80, np.uint8)).save(tiny)
    files = [media / name for name in ("wreck.mp4", "wall.mp4", "speech.wav", "portrait.png")]
    code, text = _do("self-blend", *files, tiny, "gone.mp4", "--out", tmp_path / "out", "--count", 2, "--no-twins")
    assert code == 3 and "2 made, 10 could not be made" in text
    for name in ("wreck.mp4", "wall.mp4", "speech.wav", "tiny.png", "gone.mp4"):
        assert name in text
    assert "no face" in text and "Traceback" not in text
    rows = read_manifest(tmp_path / "out" / "manifest.csv")
    assert [row.label for row in rows] == [0, 1, 1] and rows[0].path == str(media / "portrait.png")
    fakes = [Path(row.path).read_bytes() for row in rows[1:]]
    assert fakes[0] != fakes[1]


def test_bad_usage(media: Path, tmp_path: Path) -> None:
    assert _do("self-blend", tmp_path / "*.mp4", "--out", tmp_path / "out")[0] == 2
    assert _do("swap", media / "portrait.png", "--blend", "magic", "--out", tmp_path)[0] == 2
    assert _do("vocode", media / "speech.wav", "--vocoder", "magic", "--out", tmp_path)[0] == 2
    assert _do("reconstruct", media / "portrait.png", "--model", "magic", "--out", tmp_path)[0] == 2
    assert _do("shift-sync", media / "first.mp4", "--swap", "--shift", 1, "--out", tmp_path)[0] == 2
    assert _do("splice", media / "speech.wav", "--other", media, "--out", tmp_path)[0] == 2
    code, text = _do("swap", media / "portrait.png", "--out", tmp_path / "alone")
    assert code == 3 and "--from" in text
    code, text = _do("self-blend", media / "portrait.png", "--face", 5, "--out", tmp_path / "fifth")
    assert code == 3 and "--face 5" in text


def test_swap_takes_anothers_face_and_names_both(media: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    donors = ("--from", media / "mirror.jpg", "--from", media / "second.mp4")
    code, text = _do("swap", media / "portrait.png", media / "first.mp4", *donors, "--until", 0.4, "--out", out)
    assert code == 0, text
    fakes = [row for row in read_manifest(out / "manifest.csv") if row.label == 1]
    assert [Path(row.path).suffix for row in fakes] == [".png", ".mp4"]
    for row in fakes:
        own, other = row.source.split("|")
        assert own in ("in/portrait.png", "in/first.mp4") and other in ("in/mirror.jpg", "in/second.mp4")
    masks = _grey(out / "masks" / "in_first_swap.mkv")
    assert len(masks) == 5 and all(mask.max() == 255 for mask in masks)


def test_reenact_drives_clips_and_pictures(media: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    files = (media / "portrait.png", media / "first.mp4")
    code, text = _do("reenact", *files, "--driver", media / "second.mp4", "--until", 0.4, "--out", out)
    assert code == 0, text
    for stem in ("in_portrait_reenact", "in_first_reenact"):
        assert len(list(read_frames(out / "fakes" / f"{stem}.mp4", EveryNth(1)))) == 5
        details = _details(out, stem)
        assert details["sound_from"].endswith("second.mp4") and details["frames_changed"] == 5
        assert probe(out / "fakes" / f"{stem}.mp4").num_audio_streams == 1
    code, text = _do("reenact", media / "first.mp4", "--driver", media / "portrait.png", "--out", tmp_path / "no")
    assert code == 3 and "it is no clip" in text


def test_reconstruct_names_the_net(media: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, text = _do("reconstruct", media / "portrait.png", "--out", out)
    assert code == 0 and "3 made" in text
    methods = {row.method for row in read_manifest(out / "manifest.csv") if row.label == 1}
    assert methods == {"reconstruct-nearest", "reconstruct-shuffle_adversarial", "reconstruct-transposed"}
    assert _details(out, "in_portrait_reconstruct-nearest")["autoencoder"]["upsampling"] == "nearest"


def _sound(path: Path) -> np.ndarray:
    return np.concatenate([block.waveform for block in read_audio(path, SPEECH_RATE)])


def test_vocode_sound_files_and_the_sound_of_videos(media: Path, tmp_path: Path, speech: AudioTrack) -> None:
    out = tmp_path / "out"
    ways = ("--vocoder", "griffin_lim", "--vocoder", "lpc")
    code, text = _do("vocode", media / "speech.wav", media / "first.mp4", media / "wall.mp4", *ways, "--out", out)
    assert code == 3 and "4 made" in text and "no sound" in text
    twin, fake = _sound(out / "genuine" / "in_speech.flac"), _sound(out / "fakes" / "in_speech_vocode-lpc.flac")
    np.testing.assert_allclose(twin, _sound(media / "speech.wav"), atol=1e-4)
    assert fake.shape == twin.shape and np.abs(fake - twin).mean() > 1e-3
    pictures = []
    for path in (media / "first.mp4", out / "genuine" / "in_first.mp4", out / "fakes" / "in_first_vocode-lpc.mp4"):
        with av.open(str(path)) as container:
            pictures.append([bytes(packet) for packet in container.demux(video=0) if packet.size])
    assert pictures[0] == pictures[1] == pictures[2]


def test_shift_sync_tells_the_true_offset(media: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, text = _do("shift-sync", media / "first.mp4", media / "speech.wav", "--shift", 0.25, "--out", out)
    assert code == 3 and "no pictures" in text
    assert _details(out, "in_first_shift-sync")["offset_s"] == 0.25
    genuine, fake = _sound(out / "genuine" / "in_first.mp4"), _sound(out / "fakes" / "in_first_shift-sync.mp4")
    lags = np.arange(2_000, 6_000)
    alike = [float(np.dot(fake[lag : lag + 8_000], genuine[: len(fake[lag : lag + 8_000])])) for lag in lags]
    assert abs(lags[int(np.argmax(alike))] / SPEECH_RATE - 0.25) < 0.002
    assert (
        _do("shift-sync", media / "first.mp4", "--count", 3, "--least", 0.2, "--most", 0.4, "--out", tmp_path / "n")[0]
        == 0
    )
    drawn = [_details(tmp_path / "n", f"in_first_shift-sync{end}")["offset_s"] for end in ("", "_1", "_2")]
    assert len(set(drawn)) == 3 and all(0.19 < abs(offset) < 0.41 for offset in drawn)
    code, _ = _do("shift-sync", media / "first.mp4", media / "second.mp4", "--swap", "--out", tmp_path / "swap")
    assert code == 0
    assert _details(tmp_path / "swap", "in_first_swap-sound")["sound_from"].endswith("second.mp4")


def test_splice_writes_the_interval_that_changed(media: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    files = (media / "speech.wav", media / "reversed.wav")
    code, text = _do("splice", *files, "--by", "lpc", "--by", "other", "--seconds", 0.7, "--out", out)
    assert code == 0, text
    fakes = [row for row in read_manifest(out / "manifest.csv") if row.label == 1]
    assert len(fakes) == 4
    for row in fakes:
        assert row.start_s is not None and row.end_s is not None and abs(row.end_s - row.start_s - 0.7) < 1e-3
        genuine = _sound(out / "genuine" / f"{'in_speech' if 'in_speech' in row.path else 'in_reversed'}.flac")
        changed = np.flatnonzero(np.abs(_sound(Path(row.path)) - genuine) > 1e-4) / SPEECH_RATE
        assert (
            row.start_s - 1e-3 <= changed[0] < row.start_s + 0.1 and row.end_s - 0.1 < changed[-1] <= row.end_s + 1e-3
        )
    assert {len(row.source.split("|")) for row in fakes} == {1, 2}
    code, text = _do("splice", media / "speech.wav", "--seconds", 9, "--out", tmp_path / "long")
    assert code == 3 and "shorter stretch" in text


def test_stereo_and_odd_rates_become_one_channel_at_their_rate(tmp_path: Path) -> None:
    time_s = np.arange(22_050) / 11_025
    left = (0.3 * np.sin(2 * np.pi * 220 * time_s)).astype(np.float32)
    path = tmp_path / "in" / "stereo.wav"
    path.parent.mkdir()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=11_025, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.stack([left, 0 * left]), format="fltp", layout="stereo")
        frame.sample_rate = 11_025
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert _do("vocode", path, "--vocoder", "mel_magnitude", "--out", tmp_path / "out")[0] == 0
    info = probe(tmp_path / "out" / "fakes" / "in_stereo_vocode-mel_magnitude.flac")
    assert info.sampling_rate == 11_025 and info.duration_s is not None and abs(info.duration_s - 2.0) < 0.01
    write_audio(tmp_path / "in" / "still.wav", AudioTrack(np.zeros(16_000, np.float32), 16_000), codec="wav")
    code, text = _do("vocode", tmp_path / "in" / "still.wav", "--out", tmp_path / "out")
    assert code == 3 and "silence" in text


def test_an_animation_has_its_own_times(tmp_path: Path) -> None:
    frames = [np.roll(astronaut_rgb()[:260, 76:336], index, axis=1) for index in range(4)]
    stills = [Image.fromarray(frame) for frame in frames]
    (tmp_path / "in").mkdir()
    stills[0].save(tmp_path / "in" / "moving.gif", save_all=True, append_images=stills[1:], duration=[70, 150, 90, 90])
    assert _do("self-blend", tmp_path / "in" / "moving.gif", "--out", tmp_path / "out")[0] == 0
    made = list(read_frames(tmp_path / "out" / "fakes" / "in_moving_self-blend.mp4", Uniform(9)))
    np.testing.assert_allclose([frame.pts_s for frame in made], [0.0, 0.07, 0.22, 0.31], atol=2e-3)


def test_a_manifest_gives_people_and_splits_and_keeps_them_apart(media: Path, tmp_path: Path) -> None:
    files = {"portrait.png": ("ann", "train"), "mirror.jpg": ("ann", "train"), "first.mp4": ("bob", "train")}
    rows = [
        ManifestRow(str(media / name), 0, "mine", identity=who, source=name, split=split)
        for name, (who, split) in files.items()
    ]
    rows.append(ManifestRow(str(media / "second.mp4"), 0, "mine", identity="cid", source="second.mp4", split="test"))
    rows.append(ManifestRow(str(media / "wall.mp4"), 1, "mine", method="paint"))
    write_manifest(tmp_path / "in.csv", rows)
    out = tmp_path / "out"
    code, text = _do("swap", tmp_path / "in.csv", "--until", 0.2, "--out", out)
    assert code == 3 and "second.mp4" in text and "3 made" in text
    made = {Path(row.path).name: row for row in read_manifest(out / "manifest.csv") if row.label == 1}
    portrait = made["in_portrait_swap.png"]
    assert (portrait.identity, portrait.source, portrait.split) == ("ann|bob", "portrait.png|first.mp4", "train")
    assert portrait.dataset == "mine" and len(made) == 3


def test_names_stay_apart_and_the_output_is_no_source(tmp_path: Path) -> None:
    for path in ("a/x/one.wav", "b/x/one.wav", "b/x/one.flac", "b/x_one.wav", "out/fakes/two.wav"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"")
    sources, empty = find_sources([str(tmp_path)], Plan(tmp_path / "out"))
    assert not empty and len(sources) == 4
    assert len({source.flat for source in sources}) == len({source.name for source in sources}) == 4
    assert {"a/x/one.wav", "b/x/one.wav"} < {source.name for source in sources}
