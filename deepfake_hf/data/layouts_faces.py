"""The official folder layouts of the face sets, each read by one small function: a folder in, manifest rows out."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from deepfake_hf.data.folders import files_below, need, read_json, read_lines
from deepfake_hf.data.manifest import ManifestRow
from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.labels import FAKE, REAL, label_from_word, polarity_map

COMPRESSIONS: Final = ("c0", "c23", "c40")
_ACTORS: Final = "DeepFakeDetection"  # the set DFD, which the download script of FaceForensics++ puts beside its own
_JSON_SPLITS: Final = {"train": "train", "val": "validation", "test": "test"}


def faceforensics(root: Path, compression: str = "c23") -> list[ManifestRow]:
    """FaceForensics++ as its download script lays it out; DFD beside it is left to :func:`dfd`.

    ``original_sequences/youtube/c23/videos/000.mp4`` and ``manipulated_sequences/METHOD/c23/videos/000_003.mp4``, the
    face of 003 in video 000. Each of the 1,000 videos shows another person. The official ``train.json``, ``val.json``
    and ``test.json`` (pairs of numbers) are looked for in ``root``, ``root/splits`` and ``root/dataset/splits``;
    without them the rows have no split.

    Source: Rössler et al. 2019, github.com/ondyari/FaceForensics, ``dataset/README.md`` and ``dataset/splits``.
    """
    split_of = _faceforensics_splits(root)
    rows = []
    for method, file in _sequences(root, compression):
        parts = file.stem.split("_")
        if method in ("actors", _ACTORS) or not all(part.isdigit() for part in parts):
            continue
        name, tied = "" if method == "youtube" else method, "|".join(parts)
        label = FAKE if name else REAL
        rows.append(ManifestRow(str(file), label, "FaceForensics++", name, tied, tied, split_of.get(parts[0], "")))
    return rows


def dfd(root: Path, compression: str = "c23") -> list[ManifestRow]:
    """DeepFakeDetection of Google and Jigsaw, in the folders of FaceForensics++.

    ``original_sequences/actors/c23/videos/01__kitchen_pan.mp4`` and
    ``manipulated_sequences/DeepFakeDetection/c23/videos/01_02__kitchen_pan__YVGY8LOK.mp4``: actor 01 in the scene, with
    the face of 02.
    """
    rows = []
    for method, file in _sequences(root, compression):
        found = re.fullmatch(r"(\d+)(?:_(\d+))?__(.+?)(?:__([A-Z0-9]+))?", file.stem)
        if method not in ("actors", _ACTORS) or found is None:
            continue
        actor, donor, scene, _ = found.groups()
        identity = actor if donor is None else f"{actor}|{donor}"
        label, name = (REAL, "") if method == "actors" else (FAKE, method)
        rows.append(ManifestRow(str(file), label, "DFD", name, identity, f"{actor}__{scene}"))
    return rows


def celeb_df(root: Path) -> list[ManifestRow]:
    """Celeb-DF v1 and v2, which share one layout; files may lie in ``videos`` below each folder.

    ``Celeb-real/id0_0000.mp4``, ``Celeb-synthesis/id0_id16_0000.mp4`` (clip 0000 of id0 with the face of id16) and
    ``YouTube-real/00000.mp4``. What ``List_of_testing_videos.txt`` names is ``test``, all else ``train``. The list's
    1 means real. The official test shares people with the rest: the audit says so.

    Source: Li et al. 2020, github.com/yuezunli/celeb-deepfakeforensics.
    """
    listed = {}
    for line in read_lines(need(root / "List_of_testing_videos.txt", "Celeb-DF")):
        number, _, name = line.partition(" ")
        listed[name.strip().lower()] = polarity_map(["fake", "real"])[int(number)]
    dataset = "Celeb-DF v2" if len(listed) > 200 else "Celeb-DF v1"  # the lists name 518 and 100 videos
    rows = []
    for folder, label in (("Celeb-real", REAL), ("YouTube-real", REAL), ("Celeb-synthesis", FAKE)):
        for file in files_below(need(root / folder, "Celeb-DF"), (".mp4",)):
            people = "|".join(part for part in file.stem.split("_") if part.startswith("id"))
            clip = f"{file.stem.split('_')[0]}_{file.stem.split('_')[-1]}" if people else f"{folder}/{file.stem}"
            stated = listed.get(f"{folder}/{file.name}".lower())
            if stated not in (None, label):
                raise DataError(f"{file}", "the list of testing videos labels it otherwise", "download the list again")
            split = "train" if stated is None else "test"
            rows.append(ManifestRow(str(file), label, dataset, "Celeb-DF" * label, people, clip, split))
    return rows


def dfdc(root: Path) -> list[ManifestRow]:
    """The Deepfake Detection Challenge: every ``metadata.json`` below ``root``, which lists the videos beside it.

    An entry is ``{"label": "FAKE", "split": "train", "original": "abc.mp4"}``, or with ``"is_fake": 1`` in the test
    set. Methods and people are not given there.

    Source: Dolhansky et al. 2020, arXiv 2006.07397; kaggle.com/c/deepfake-detection-challenge/data.
    """
    files = sorted(root.rglob("metadata.json"))
    if not files:
        raise DataError(f"no metadata.json below {root}", "it lists the videos of DFDC", "name the folder of its parts")
    return [row for file in files for row in _dfdc_part(file)]


def _dfdc_part(file: Path) -> Iterator[ManifestRow]:
    for name, entry in read_json(file).items():
        if "label" in entry:
            label = label_from_word(entry["label"])
        elif "is_fake" in entry:
            label = polarity_map(["real", "fake"])[int(entry["is_fake"])]
        else:
            raise DataError(f"{file}: {name}", "it has neither label nor is_fake", "download metadata.json again")
        split = str(entry.get("split") or "")
        split = split if split in ("train", "test", "validation") else ""
        source = Path(entry.get("original") or ("" if label == FAKE else name)).stem
        yield ManifestRow(str(file.parent / name), label, "DFDC", "", "", source, split)


def deepfake_timit(root: Path) -> list[ManifestRow]:
    """DeepfakeTIMIT and, as its genuine side, VidTIMIT.

    ``higher_quality/fadg0/sa1-video-fram1.avi`` and ``lower_quality/…`` are fakes. VidTIMIT ships numbered pictures:
    join each clip to a video and put it to ``VidTIMIT/fadg0/sa1.avi`` (any video ending). Whose face was put in is
    not written in the names, so ``identity`` holds the person of the scene alone.

    Source: Korshunov and Marcel 2018, idiap.ch/dataset/deepfaketimit.
    """
    rows = []
    for quality in ("higher_quality", "lower_quality"):
        for file in files_below(need(root / quality, "DeepfakeTIMIT"), (".avi", ".mp4")):
            who, clip = file.parent.name, file.stem.split("-")[0]
            rows.append(ManifestRow(str(file), FAKE, "DeepfakeTIMIT", quality, who, f"{who}/{clip}"))
    genuine = root / "VidTIMIT"
    for file in files_below(genuine, (".avi", ".mp4", ".mkv", ".mov")) if genuine.is_dir() else []:
        who = file.relative_to(genuine).parts[0]
        rows.append(ManifestRow(str(file), REAL, "DeepfakeTIMIT", "", who, f"{who}/{file.stem}"))
    return rows


def fakeavceleb(root: Path) -> list[ManifestRow]:
    """FakeAVCeleb v1.2 by its ``meta_data.csv``; a clip is fake where its picture or its sound is.

    A line is source, target1, target2, method, category, type, race, gender, file name, folder, though the header
    names nine columns; folders begin with ``FakeAVCeleb/``. ``method`` becomes ``wav2lip (FakeVideo-RealAudio)``.

    Source: Khalid et al. 2021, arXiv 2108.05080.
    """
    rows = []
    with need(root / "meta_data.csv", "FakeAVCeleb").open(encoding="utf-8-sig", newline="") as file:
        for number, line in enumerate(list(csv.reader(file))[1:], 1):
            if len(line) < 10:
                raise DataError(f"{file.name}, row {number}", f"it has {len(line)} of 10 fields", "download it again")
            source, target1, target2, method, _, kind, _, _, name, folder = (field.strip() for field in line[:10])
            halves = [label_from_word(half.removesuffix("Video").removesuffix("Audio")) for half in kind.split("-")]
            people = "|".join(dict.fromkeys(who for who in (source, target1, target2) if who.startswith("id")))
            path = root.joinpath(*Path(folder).parts[Path(folder).parts[:1] == ("FakeAVCeleb",) :], name)
            clip = f"{source}/{Path(name).stem.split('_')[0]}"
            label = max(halves)
            made = f"{method} ({kind})" if label == FAKE else ""
            rows.append(ManifestRow(str(path), label, "FakeAVCeleb", made, people, clip))
    return rows


def _sequences(root: Path, compression: str) -> Iterator[tuple[str, Path]]:
    """Method folder and file of each video of one compression; the uncompressed folder is ``c0`` or ``raw``."""
    if compression not in COMPRESSIONS:
        raise UsageError(f"compression {compression!r}", "there is none of that name", f"use one of {COMPRESSIONS}")
    names = ("c0", "raw") if compression == "c0" else (compression,)
    for group in ("original_sequences", "manipulated_sequences"):
        for method in sorted(need(root / group, "FaceForensics++").iterdir()):
            for name in names:
                folder = method / name / "videos"
                for file in files_below(folder, (".mp4",)) if folder.is_dir() else []:
                    yield method.name, file


def _faceforensics_splits(root: Path) -> dict[str, str]:
    found = {}
    for folder in (root, root / "splits", root / "dataset" / "splits"):
        for word, split in _JSON_SPLITS.items():
            file = folder / f"{word}.json"
            pairs: Any = read_json(file) if file.is_file() else []
            found.update({number: split for pair in pairs for number in pair})
    return found
