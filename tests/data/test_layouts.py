"""Each layout on a small tree of its right shape: polarity, people, sources, methods and splits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepfake_hf.data import LAYOUTS, ManifestRow
from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.labels import FAKE, REAL

Facts = tuple[int, str, str, str, str]


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


def facts(rows: list[ManifestRow], root: Path) -> dict[str, Facts]:
    """Path below the root: label, method, identity, source, split."""
    found = {
        str(Path(row.path).relative_to(root)): (row.label, row.method, row.identity, row.source, row.split)
        for row in rows
    }
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize(("compression", "folder"), [("c0", "raw"), ("c0", "c0"), ("c23", "c23"), ("c40", "c40")])
def test_faceforensics(tmp_path: Path, compression: str, folder: str) -> None:
    for name in ("000", "003", "001"):
        touch(tmp_path, f"original_sequences/youtube/{folder}/videos/{name}.mp4")
    for method in ("Deepfakes", "NeuralTextures"):
        touch(tmp_path, f"manipulated_sequences/{method}/{folder}/videos/000_003.mp4")
    touch(tmp_path, f"original_sequences/actors/{folder}/videos/01__kitchen_pan.mp4")
    touch(tmp_path, "original_sequences/youtube/c99/videos/777.mp4")
    write(tmp_path, "splits/train.json", json.dumps([["000", "003"]]))
    write(tmp_path, "splits/val.json", json.dumps([["001", "002"]]))
    rows = LAYOUTS["faceforensics"](tmp_path, compression=compression)
    assert facts(rows, tmp_path) == {
        f"original_sequences/youtube/{folder}/videos/000.mp4": (REAL, "", "000", "000", "train"),
        f"original_sequences/youtube/{folder}/videos/003.mp4": (REAL, "", "003", "003", "train"),
        f"original_sequences/youtube/{folder}/videos/001.mp4": (REAL, "", "001", "001", "validation"),
        **{
            f"manipulated_sequences/{method}/{folder}/videos/000_003.mp4": (FAKE, method, *["000|003"] * 2, "train")
            for method in ("Deepfakes", "NeuralTextures")
        },
    }


def test_faceforensics_refuses_another_compression(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="c24"):
        LAYOUTS["faceforensics"](tmp_path, compression="c24")


def test_dfd(tmp_path: Path) -> None:
    real = "original_sequences/actors/c23/videos/01__outside_talking_pan_laughing.mp4"
    fake = "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__outside_talking_pan_laughing__YVGY8LOK.mp4"
    touch(tmp_path, real, fake, "original_sequences/youtube/c23/videos/000.mp4")
    source = "01__outside_talking_pan_laughing"
    assert facts(LAYOUTS["dfd"](tmp_path), tmp_path) == {
        real: (REAL, "", "01", source, ""),
        fake: (FAKE, "DeepFakeDetection", "01|02", source, ""),
    }


@pytest.mark.parametrize(("listed", "dataset"), [(3, "Celeb-DF v1"), (518, "Celeb-DF v2")])
@pytest.mark.parametrize("below", ["", "videos/"])
def test_celeb_df(tmp_path: Path, listed: int, dataset: str, below: str) -> None:
    names = ["Celeb-real/{}id0_0000.mp4", "Celeb-real/{}id1_0003.mp4", "Celeb-synthesis/{}id0_id16_0000.mp4"]
    names = [name.format(below) for name in [*names, "YouTube-real/{}00170.mp4"]]
    touch(tmp_path, *names)
    lines = ["1 YouTube-real/00170.mp4", "0 Celeb-synthesis/id0_id16_0000.mp4", "1 Celeb-real/id1_0003.mp4"]
    lines += [f"1 YouTube-real/9{number:04d}.mp4" for number in range(listed - 3)]
    write(tmp_path, "List_of_testing_videos.txt", "\n".join(lines))
    rows = LAYOUTS["celeb-df"](tmp_path)
    assert {row.dataset for row in rows} == {dataset}
    assert facts(rows, tmp_path) == {
        names[0]: (REAL, "", "id0", "id0_0000", "train"),
        names[1]: (REAL, "", "id1", "id1_0003", "test"),
        names[2]: (FAKE, "Celeb-DF", "id0|id16", "id0_0000", "test"),
        names[3]: (REAL, "", "", "YouTube-real/00170", "test"),
    }


def test_celeb_df_with_a_list_of_the_other_polarity_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "Celeb-real/id0_0000.mp4", "YouTube-real/00000.mp4", "Celeb-synthesis/id0_id1_0000.mp4")
    write(tmp_path, "List_of_testing_videos.txt", "0 Celeb-real/id0_0000.mp4")
    with pytest.raises(DataError, match="labels it otherwise"):
        LAYOUTS["celeb-df"](tmp_path)


def test_dfdc(tmp_path: Path) -> None:
    train = {
        "a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"},
        "b.mp4": {"label": "REAL", "split": "train", "original": None},
    }
    write(tmp_path, "dfdc_train_part_0/metadata.json", json.dumps(train))
    write(tmp_path, "test/metadata.json", json.dumps({"c.mp4": {"is_fake": 1}, "d.mp4": {"is_fake": 0}}))
    assert facts(LAYOUTS["dfdc"](tmp_path), tmp_path) == {
        "dfdc_train_part_0/a.mp4": (FAKE, "", "", "b", "train"),
        "dfdc_train_part_0/b.mp4": (REAL, "", "", "b", "train"),
        "test/c.mp4": (FAKE, "", "", "", ""),
        "test/d.mp4": (REAL, "", "", "d", ""),
    }
    write(tmp_path, "test/metadata.json", json.dumps({"c.mp4": {}}))
    with pytest.raises(DataError, match=r"c\.mp4: it has neither"):
        LAYOUTS["dfdc"](tmp_path)


def test_deepfake_timit(tmp_path: Path) -> None:
    names = ["higher_quality/fadg0/sa1-video-fram1.avi", "lower_quality/fadg0/sa1-video-fram1.avi"]
    touch(tmp_path, *names, "higher_quality/fadg0/sa1.wav", "VidTIMIT/fadg0/sa1.avi")
    assert facts(LAYOUTS["deepfake-timit"](tmp_path), tmp_path) == {
        names[0]: (FAKE, "higher_quality", "fadg0", "fadg0/sa1", ""),
        names[1]: (FAKE, "lower_quality", "fadg0", "fadg0/sa1", ""),
        "VidTIMIT/fadg0/sa1.avi": (REAL, "", "fadg0", "fadg0/sa1", ""),
    }


def test_fakeavceleb_is_fake_where_picture_or_sound_is(tmp_path: Path) -> None:
    kinds = ("RealVideo-RealAudio", "RealVideo-FakeAudio", "FakeVideo-RealAudio", "FakeVideo-FakeAudio")
    lines = ["source,target1,target2,method,category,type,race,gender,path,"]
    for kind, method, target, name in zip(
        kinds,
        ("real", "rtvc", "wav2lip", "faceswap-wav2lip"),
        ("-", "-", "id00166", "id00476"),
        ("00109.mp4", "00109_fake.mp4", "00109_0_id00166_wavtolip.mp4", "00109_10_id00476_wavtolip.mp4"),
        strict=True,
    ):
        folder = f"{kind}/African/men/id00076"
        lines.append(f"id00076,{target},-,{method},A,{kind},African,men,{name},FakeAVCeleb/{folder}")
        touch(tmp_path, f"{folder}/{name}")
    write(tmp_path, "meta_data.csv", "\n".join(lines))
    found = facts(LAYOUTS["fakeavceleb"](tmp_path), tmp_path)
    assert all((tmp_path / name).is_file() for name in found)
    assert [fact[0] for fact in found.values()] == [REAL, FAKE, FAKE, FAKE]
    assert [fact[1] for fact in found.values()][::3] == ["", "faceswap-wav2lip (FakeVideo-FakeAudio)"]
    assert [fact[2] for fact in found.values()] == ["id00076", "id00076", "id00076|id00166", "id00076|id00476"]
    assert {fact[3] for fact in found.values()} == {"id00076/00109"}


@pytest.mark.parametrize("track", ["LA", "PA"])
@pytest.mark.parametrize("inside", ["", "track/"])
def test_asvspoof2019(tmp_path: Path, track: str, inside: str) -> None:
    base = inside.replace("track", track)
    attack = "A05" if track == "LA" else "AB"
    for part, kind, letter in (("train", "trn", "T"), ("dev", "trl", "D"), ("eval", "trl", "E")):
        text = f"{track}_0079 {track}_{letter}_1 - - bonafide\n{track}_0080 {track}_{letter}_2 - {attack} spoof\n"
        write(tmp_path, f"{base}ASVspoof2019_{track}_cm_protocols/ASVspoof2019.{track}.cm.{part}.{kind}.txt", text)
    found = facts(LAYOUTS["asvspoof2019"](tmp_path, track=track), tmp_path)
    assert len(found) == 6
    real, fake = f"{track}_T_1", f"{track}_D_2"
    folder = f"{base}ASVspoof2019_{track}"
    assert found[f"{folder}_train/flac/{real}.flac"] == (REAL, "", f"{track}_0079", real, "train")
    assert found[f"{folder}_dev/flac/{fake}.flac"] == (FAKE, attack, f"{track}_0080", fake, "validation")


@pytest.mark.parametrize(
    ("track", "lines", "expected"),
    [
        (
            "LA",
            [
                "LA_0009 LA_E_1 alaw ita_tx A07 spoof notrim eval",
                "LA_0009 LA_E_2 alaw ita_tx bonafide bonafide n hidden",
            ],
            [(FAKE, "A07", "LA_0009", "LA_E_1", "test"), (REAL, "", "LA_0009", "LA_E_2", "")],
        ),
        (
            "DF",
            ["LA_0023 DF_E_1 nocodec asvspoof A14 spoof notrim progress traditional_vocoder - - - -"],
            [(FAKE, "A14", "LA_0023", "DF_E_1", "validation")],
        ),
        (
            "PA",
            [
                "PA_0010 PA_E_1 R3 M3 d4 r1 m1 s4 c4 spoof notrim eval",
                "PA_0010 PA_E_2 R3 M3 d4 - - - - bonafide n eval",
            ],
            [(FAKE, "replay", "PA_0010", "PA_E_1", "test"), (REAL, "", "PA_0010", "PA_E_2", "test")],
        ),
    ],
)
@pytest.mark.parametrize("keys", ["keys", "{}-keys-full/keys"])
def test_asvspoof2021(tmp_path: Path, track: str, lines: list[str], expected: list[Facts], keys: str) -> None:
    write(tmp_path, f"{keys.format(track)}/{track}/CM/trial_metadata.txt", "\n".join(lines))
    found = facts(LAYOUTS["asvspoof2021"](tmp_path, track=track), tmp_path)
    assert list(found.values()) == expected
    assert next(iter(found)) == f"ASVspoof2021_{track}_eval/flac/{expected[0][3]}.flac"


@pytest.mark.parametrize("folder", ["", "ASVspoof5_protocols/"])
def test_asvspoof5(tmp_path: Path, folder: str) -> None:
    write(tmp_path, f"{folder}ASVspoof5.train.tsv", "T_4850 T_0000000000 F - - - AC3 A05 spoof -\n")
    write(tmp_path, f"{folder}ASVspoof5.dev.track_1.tsv", "D_0461 D_0000000190 M - - - bonafide bonafide bonafide -\n")
    assert facts(LAYOUTS["asvspoof5"](tmp_path), tmp_path) == {
        "flac_T/T_0000000000.flac": (FAKE, "A05", "T_4850", "T_0000000000", "train"),
        "flac_D/D_0000000190.flac": (REAL, "", "D_0461", "D_0000000190", "validation"),
    }


def test_in_the_wild(tmp_path: Path) -> None:
    write(tmp_path, "meta.csv", "file,speaker,label\n0.wav,Alec Guinness,spoof\n1.wav,Alec Guinness,bona-fide\n")
    assert facts(LAYOUTS["in-the-wild"](tmp_path), tmp_path) == {
        "0.wav": (FAKE, "unknown", "Alec Guinness", "0", ""),
        "1.wav": (REAL, "", "Alec Guinness", "1", ""),
    }


def test_wavefake(tmp_path: Path) -> None:
    fakes = {
        "ljspeech_melgan/LJ008-0217_gen.wav": ("LJ", "LJ008-0217"),
        "ljspeech_hifiGAN/LJ008-0217_generated.wav": ("LJ", "LJ008-0217"),
        "ljspeech_waveglow/LJ008-0217.wav": ("LJ", "LJ008-0217"),
        "jsut_parallel_wavegan/BASIC5000_0001_gen.wav": ("JSUT", "BASIC5000_0001"),
    }
    touch(tmp_path, *[f"generated_audio/{name}" for name in fakes])
    touch(tmp_path, "LJSpeech-1.1/wavs/LJ008-0217.wav", "jsut_ver1.1/basic5000/wav/BASIC5000_0001.wav")
    assert facts(LAYOUTS["wavefake"](tmp_path), tmp_path) == {
        **{f"generated_audio/{name}": (FAKE, name.split("/")[0], *tied, "") for name, tied in fakes.items()},
        "LJSpeech-1.1/wavs/LJ008-0217.wav": (REAL, "", "LJ", "LJ008-0217", ""),
        "jsut_ver1.1/basic5000/wav/BASIC5000_0001.wav": (REAL, "", "JSUT", "BASIC5000_0001", ""),
    }


def test_a_folder_tree(tmp_path: Path) -> None:
    touch(tmp_path, "train/Real/a.mp4", "train/fake/wav2lip/a.mp4", "val/bonafide/p1/b.wav", "train/real/notes.txt")
    assert facts(LAYOUTS["folder"](tmp_path), tmp_path) == {
        "train/Real/a.mp4": (REAL, "", "", "a", "train"),
        "train/fake/wav2lip/a.mp4": (FAKE, "wav2lip", "", "a", "train"),
        "val/bonafide/p1/b.wav": (REAL, "", "", "p1/b", "validation"),
    }
    touch(tmp_path, "train/c.mp4")
    with pytest.raises(DataError, match=r"c\.mp4.*none of its folders names a class"):
        LAYOUTS["folder"](tmp_path)


@pytest.mark.parametrize(
    "layout", ["faceforensics", "dfd", "celeb-df", "dfdc", "deepfake-timit", "fakeavceleb", "asvspoof2019"]
    + ["asvspoof2021", "asvspoof5", "in-the-wild", "wavefake", "folder"],
)  # fmt: skip
def test_another_folder_is_refused_with_what_was_looked_for(tmp_path: Path, layout: str) -> None:
    with pytest.raises(DataError) as caught:
        LAYOUTS[layout](tmp_path)
    assert str(tmp_path) in str(caught.value) and caught.value.mend


def test_a_cut_list_is_refused_by_line(tmp_path: Path) -> None:
    write(tmp_path, "ASVspoof5.train.tsv", "T_1 T_2 F - - - AC3 A05 spoof -\nT_1 T_3 F - -\n")
    with pytest.raises(DataError, match="line 2"):
        LAYOUTS["asvspoof5"](tmp_path)
