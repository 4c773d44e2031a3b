"""The official folder layouts of the speech sets, each read by one small function: a folder in, manifest rows out."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deepfake_hf.data.folders import files_below, need, read_lines
from deepfake_hf.data.manifest import ManifestRow
from deepfake_hf.errors import DataError
from deepfake_hf.labels import FAKE, REAL, label_from_word

_PARTS_2019: Final = {"train": ("trn", "train"), "dev": ("trl", "validation"), "eval": ("trl", "test")}
_PARTS_5: Final = {
    "ASVspoof5.train.tsv": ("flac_T", "train"),
    "ASVspoof5.dev.track_1.tsv": ("flac_D", "validation"),
    "ASVspoof5.eval.track_1.tsv": ("flac_E_eval", "test"),
}
# In the evaluation set of 2021 "progress" was open during the challenge and "hidden" is reported apart from "eval".
_PHASES_2021: Final = {"eval": "test", "progress": "validation", "hidden": ""}


def asvspoof2019(root: Path, track: str = "LA") -> list[ManifestRow]:
    """ASVspoof 2019, track ``LA`` or ``PA``; ``root`` holds the folder of the track, or is it.

    ``ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.train.trn.txt`` (``dev.trl``, ``eval.trl``) has lines such as
    ``LA_0079 LA_T_1138215 - A05 spoof``; the sound is ``ASVspoof2019_LA_train/flac/LA_T_1138215.flac``.

    Source: README.LA.txt and README.PA.txt of datashare.ed.ac.uk/handle/10283/3336.
    """
    base = root / track if (root / track).is_dir() else root
    rows = []
    for part, (kind, split) in _PARTS_2019.items():
        lists = need(base / f"ASVspoof2019_{track}_cm_protocols", f"ASVspoof 2019 {track}")
        for fields in _fields(lists / f"ASVspoof2019.{track}.cm.{part}.{kind}.txt", 5):
            path = base / f"ASVspoof2019_{track}_{part}" / "flac" / f"{fields[1]}.flac"
            rows.append(_row(path, f"ASVspoof 2019 {track}", fields[4], fields[3], fields[0], split))
    return rows


def asvspoof2021(root: Path, track: str = "LA") -> list[ManifestRow]:
    """ASVspoof 2021, track ``LA``, ``DF`` or ``PA``, which has an evaluation set alone.

    ``keys/LA/CM/trial_metadata.txt`` (or ``LA-keys-full/keys/LA/CM/…``) has lines such as
    ``LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval``; in PA six fields of rooms and devices stand before the
    key and no attack. The sound is ``ASVspoof2021_LA_eval/flac/LA_E_9332881.flac``. The phase ``progress`` becomes
    ``validation``, ``eval`` becomes ``test``, ``hidden`` gets no split.

    Source: README of the keys at asvspoof.org/index2021.html.
    """
    lists = [root / "keys" / track / "CM", root / f"{track}-keys-full" / "keys" / track / "CM"]
    folder = next((folder for folder in lists if folder.is_dir()), lists[0])
    key = 9 if track == "PA" else 5
    rows = []
    for fields in _fields(need(folder / "trial_metadata.txt", f"ASVspoof 2021 {track}"), key + 3):
        path = root / f"ASVspoof2021_{track}_eval" / "flac" / f"{fields[1]}.flac"
        attack, split = "replay" if track == "PA" else fields[4], _PHASES_2021.get(fields[key + 2], "")
        rows.append(_row(path, f"ASVspoof 2021 {track}", fields[key], attack, fields[0], split))
    return rows


def asvspoof5(root: Path) -> list[ManifestRow]:
    """ASVspoof 5, track 1; the lists lie in ``root`` or in ``root/ASVspoof5_protocols``. Parts that lack are left out.

    Lines, split by blanks despite the name: speaker, file, gender, codec, its quality, its seed, attack tag, attack,
    key, one more (``T_4850 T_0000000000 F - - - AC3 A05 spoof -``). Sound: ``flac_T``, ``flac_D``, ``flac_E_eval``.

    Source: README of zenodo.org/records/14498691.
    """
    folder = root / "ASVspoof5_protocols"
    folder = folder if folder.is_dir() else root
    there = {name: part for name, part in _PARTS_5.items() if (folder / name).is_file()}
    if not there:
        need(folder / next(iter(_PARTS_5)), "ASVspoof 5")
    rows = []
    for name, (sound, split) in there.items():
        for fields in _fields(folder / name, 9):
            path = root / sound / f"{fields[1]}.flac"
            rows.append(_row(path, "ASVspoof 5", fields[8], fields[7], fields[0], split))
    return rows


def in_the_wild(root: Path) -> list[ManifestRow]:
    """In-the-Wild: ``meta.csv`` with file, speaker, label (``bona-fide`` or ``spoof``), the sound beside it.

    It names 58 public figures of whom each has genuine and fake clips, and no methods.

    Source: Müller et al. 2022, arXiv 2203.16263; deepfake-total.com/in_the_wild.
    """
    with need(root / "meta.csv", "In-the-Wild").open(encoding="utf-8-sig", newline="") as file:
        return [
            _row(root / line["file"], "In-the-Wild", line["label"], "unknown", line["speaker"], "")
            for line in csv.DictReader(file)
        ]


def wavefake(root: Path) -> list[ManifestRow]:
    """WaveFake with the recordings it was made from.

    ``generated_audio/ljspeech_melgan/LJ001-0001_gen.wav`` (``_generated`` or nothing after the name with some
    vocoders), ``generated_audio/jsut_parallel_wavegan/…``; genuine ones are looked for in ``LJSpeech-1.1/wavs`` and
    ``jsut_ver1.1/basic5000/wav``. Each of both corpora has one speaker: split it by source.

    Source: Frank and Schönherr 2021, arXiv 2111.02813; zenodo.org/records/5642694.
    """
    rows = []
    for folder in sorted(need(root / "generated_audio", "WaveFake").iterdir()):
        speaker = "JSUT" if folder.name.startswith("jsut") else "LJ"
        for file in files_below(folder, (".wav",)):
            clip = file.stem.removesuffix("_gen").removesuffix("_generated")
            rows.append(ManifestRow(str(file), FAKE, "WaveFake", folder.name, speaker, clip))
    for speaker, place in (("LJ", "LJSpeech-1.1/wavs"), ("JSUT", "jsut_ver1.1/basic5000/wav")):
        for file in files_below(root / place, (".wav",)) if (root / place).is_dir() else []:
            rows.append(ManifestRow(str(file), REAL, "WaveFake", "", speaker, file.stem))
    return rows


def _row(path: Path, dataset: str, key: str, attack: str, speaker: str, split: str) -> ManifestRow:
    label = label_from_word(key)
    return ManifestRow(str(path), label, dataset, attack if label == FAKE else "", speaker, path.stem, split)


def _fields(file: Path, least: int) -> Iterator[list[str]]:
    for number, line in enumerate(read_lines(file), 1):
        fields = line.split()
        if len(fields) < least:
            raise DataError(
                f"{file}, line {number}", f"it has {len(fields)} of {least} fields or more", "download the list again"
            )
        yield fields
