"""``deepfake-hf evidence-check``: what genuine media look like to each kind of evidence, and what fakes do to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from deepfake_hf.cli.terminal import plain_errors, progress

if TYPE_CHECKING:
    from deepfake_hf.evaluation.evidence_samples import LabelledClip, LabelledFace, LabelledSpeech, Sample

_FAMILIES: Final = {
    "crops": "genuine DFDC crops of split train, without the tenth set aside",
    "clips": "genuine clips, GRID speaker s1 and LivePortrait inputs",
    "speech": "genuine LibriSpeech stretches of the speakers of train",
    "recordings": "genuine LibriSpeech recordings of the speakers of train",
}
_ABOUT: Final = {"self-blend": "self-blended clips", "swap": "face swaps"}
_ON_DEV: Final = ("world", "hifigan")
_EVERY_VOICE: Final = 5  # file of text to speech is taken


@dataclass(frozen=True)
class EvidenceOptions:
    """What the command was asked for."""

    crops: Path | None
    clips: list[Path]
    synth: list[Path]
    speech: Path | None
    recordings: Path | None
    limit: int
    blends: int
    every: int
    out: Path
    record: bool
    bundle: str | None
    seed: int
    note: str


def evidence_check(
    crops: Annotated[
        Path | None, typer.Option(help="Face crops: parquet shards with label, source_video, face_width_px, split.")
    ] = None,
    clips: Annotated[
        list[Path] | None, typer.Option(help="Genuine clips (a folder or files), for what moves. Several times.")
    ] = None,
    synth: Annotated[
        list[Path] | None,
        typer.Option(help="A folder of `synth self-blend` or `synth swap`, fakes and twins. Several times."),
    ] = None,
    speech: Annotated[Path | None, typer.Option(help="A speech cache of `train.py speech-data`.")] = None,
    recordings: Annotated[
        Path | None, typer.Option(help="The folder that the speech cache was made of, for pauses and rate.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Genuine reference crops at most.", min=1)] = 3000,
    blends: Annotated[int, typer.Option(help="Genuine test crops that are self-blended too.", min=0)] = 400,
    every: Annotated[
        int, typer.Option(help="Of speakers that make no test take every n-th, and every n-th whole recording.", min=1)
    ] = 1,
    out: Annotated[Path, typer.Option(help="Folder for rows, figures and page.")] = Path("runs/evidence"),
    record: Annotated[
        bool, typer.Option("--record", help="Also write the figures into the package, where the library reads them.")
    ] = False,
    bundle: Annotated[str | None, typer.Option(help="Weights: a folder or a Hub id; default: in the box.")] = None,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    note: Annotated[str, typer.Option(help="What the page says of this run.")] = "",
) -> None:
    """Take the evidence of a report on genuine and fake media: quantiles of the genuine, AUC on the fakes.

    Rows of each kind stay in --out, so that kinds can be measured one after the other. Exit status: 0 done, 2 bad
    usage.
    """
    options = EvidenceOptions(
        crops, clips or [], synth or [], speech, recordings, limit, blends, every, out, record, bundle, seed, note
    )
    with plain_errors():
        _run(options)


def _run(options: EvidenceOptions) -> None:
    from deepfake_hf.errors import DataError, UsageError
    from deepfake_hf.evaluation.evidence_page import to_markdown
    from deepfake_hf.evaluation.evidence_table import add_distances, curves_of, measured_of, reference_of
    from deepfake_hf.evidence.measures import REFERENCE

    makers = {"crops": _crops, "clips": _clips, "speech": _speech}
    asked = {
        "crops": options.crops is not None, "clips": bool(options.clips), "speech": options.speech is not None,
    }  # fmt: skip
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        for kind, make in makers.items():
            if asked[kind]:
                _write_rows(options.out / f"{kind}.jsonl", make(options))
        samples = [one for kind in makers for one in _read_rows(options.out / f"{kind}.jsonl")]
        if not samples:
            raise UsageError("evidence-check", "there is nothing to measure", "give --crops, --clips or --speech")
        curves = curves_of([one for one in samples if one.family == "crops" and one.part == "curves"])
        add_distances(samples, curves)
        reference = reference_of(samples, _FAMILIES)
        held = {"curves": curves, "reference": reference, "measured": measured_of(samples, reference)}
        text = json.dumps(held, separators=(",", ":"), ensure_ascii=False).replace('},"', '},\n"') + "\n"
        (options.out / "reference.json").write_text(text, encoding="utf-8")
        (options.out / "evidence.md").write_text(to_markdown(held, options.note), encoding="utf-8")
        if options.record:
            REFERENCE.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{options.out} cannot be written", str(error), "name another folder with --out") from error
    typer.echo(to_markdown(held, options.note), nl=False)


def _write_rows(path: Path, samples: Iterator[Sample]) -> None:
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        for sample in samples:
            file.write(json.dumps(asdict(sample)) + "\n")
    part.replace(path)


def _read_rows(path: Path) -> list[Sample]:
    from deepfake_hf.evaluation.evidence_samples import Sample

    if not path.is_file():
        return []
    return [Sample(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _finder(bundle: str | None) -> Any:
    import torch

    from deepfake_hf.errors import UsageError
    from deepfake_hf.hub.bundle import open_bundle
    from deepfake_hf.inference.landmarks import LandmarkFinder

    landmarks = open_bundle(bundle).landmarks
    if landmarks is None:
        raise UsageError("evidence-check", "this bundle has no landmarks", "give another --bundle")
    return LandmarkFinder(landmarks, torch.device("cpu")).find


def _crops(options: EvidenceOptions) -> Iterator[Sample]:
    from deepfake_hf.evaluation.evidence_samples import face_samples

    with progress("faces") as tell:
        faces = list(_stored_faces(options))
        for place, sample in enumerate(face_samples(faces, _finder(options.bundle), options.blends, options.seed)):
            tell(min(place, len(faces)), len(faces))
            yield sample


def _stored_faces(options: EvidenceOptions) -> Iterator[LabelledFace]:
    """Genuine crops of train, half for curves and half for quantiles; a sample of the tenth set aside; validation."""
    import numpy as np
    import pyarrow.parquet as pq

    from deepfake_hf.errors import DataError
    from deepfake_hf.evaluation.evidence_samples import DEV, REFERENCE, TEST, LabelledFace
    from deepfake_hf.labels import REAL
    from deepfake_hf.training.face_data import COLUMNS, face_row, in_part

    files = sorted((options.crops or Path()).glob("*.parquet"))
    if not files:
        raise DataError(
            f"no face crops in {options.crops}", "it holds no .parquet file", "name the folder of the shards"
        )
    rng, limits = np.random.default_rng(options.seed), {DEV: 1000}
    for file in files:
        rows = pq.read_table(file, columns=[*COLUMNS, "face_width_px"]).to_pylist()
        share = options.limit / 10_000
        for row in rows:
            if in_part(row, "validation"):
                part = TEST
            elif in_part(row, "dev"):
                part = DEV
            else:
                part = "curves" if rng.random() < 0.5 else REFERENCE
                if row["label"] != REAL or rng.random() > share:
                    continue
            if part == DEV and rng.random() > limits[DEV] / 2200:
                continue
            face = face_row(row)
            yield LabelledFace(part, face.label, face.source, float(row["face_width_px"]), face.rgb())


def _clips(options: EvidenceOptions) -> Iterator[Sample]:
    import torch

    from deepfake_hf.detector import Detector
    from deepfake_hf.evaluation.evidence_samples import clip_samples

    torch.set_num_threads(1)
    clips = list(_known_clips(options))
    detector = Detector.from_pretrained(options.bundle)
    with progress("clips") as tell:
        for place, sample in enumerate(clip_samples(clips, detector, _finder(options.bundle))):
            tell(place, len(clips))
            yield sample


def _known_clips(options: EvidenceOptions) -> Iterator[LabelledClip]:
    """Fakes and twins of ``synth``; of the genuine clips those that no fake was made of."""
    from deepfake_hf.data import read_manifest
    from deepfake_hf.evaluation.evidence_samples import REFERENCE, TEST, LabelledClip
    from deepfake_hf.labels import FAKE, REAL

    used: set[str] = set()
    twins: set[str] = set()
    for folder in options.synth:
        for row in read_manifest(folder / "manifest.csv"):
            stem = Path(row.source.split("|")[0]).stem
            used.add(stem)
            if row.label == REAL and stem in twins:
                continue  # the twin of a clip that another folder has too
            twins |= {stem} if row.label == REAL else set()
            fakes = next((said for word, said in _ABOUT.items() if word in row.method.replace("_", "-")), row.method)
            yield LabelledClip(Path(row.path), TEST, "clips", row.label, stem, fakes if row.label == FAKE else "")
    for place in options.clips:
        for path in sorted(place.rglob("*.mp4")) if place.is_dir() else [place]:
            if path.stem not in used:
                yield LabelledClip(path, REFERENCE, "clips", REAL, path.stem)


def _speech(options: EvidenceOptions) -> Iterator[Sample]:
    import torch

    from deepfake_hf.evaluation.evidence_samples import speech_samples

    torch.set_num_threads(1)
    with progress("speech") as tell:
        for place, sample in enumerate(speech_samples(_known_speech(options))):
            tell(place, place + 1)
            yield sample


def _known_speech(options: EvidenceOptions) -> Iterator[LabelledSpeech]:
    """Genuine stretches, their vocoded twins, whole recordings and voices of text to speech."""
    import numpy as np

    from deepfake_hf.evaluation.evidence_samples import DEV, REFERENCE, TEST, LabelledSpeech
    from deepfake_hf.labels import FAKE, REAL
    from deepfake_hf.media import read_audio
    from deepfake_hf.training.speech_data import (
        FAST_GENERATORS,
        GENUINE,
        SAMPLING_RATE,
        neural_generator,
        read_clips,
        read_wave,
        wave_path,
    )

    cache = options.speech or Path()
    parts = {"train": REFERENCE, "dev": DEV, "validation": TEST}
    whole: dict[str, tuple[str, str]] = {}
    by_recording = {one.path: one for one in sorted(read_clips(cache), key=lambda one: one.name, reverse=True)
                    if one.source == "librispeech"}  # fmt: skip
    for place, clip in enumerate(sorted(by_recording.values(), key=lambda one: one.name)):
        part = parts[clip.split]  # one stretch of each recording, of which a speaker has one
        if part != TEST and place % options.every:
            continue
        names = {REFERENCE: (GENUINE,), DEV: (GENUINE, *_ON_DEV)}.get(
            part, (GENUINE, *FAST_GENERATORS, neural_generator(clip))
        )
        whole[clip.path] = (REFERENCE if part == REFERENCE else TEST, clip.speaker)
        for name in names:
            path = wave_path(cache, clip.name, name)
            if path.is_file():
                label, fakes = (REAL, "") if name == GENUINE else (FAKE, "vocoded speech")
                yield LabelledSpeech(read_wave(path), part, "speech", label, clip.speaker, fakes)
    if options.recordings is None:
        return
    for file, (part, speaker) in list(whole.items())[:: options.every]:
        blocks = [block.waveform for block in read_audio(options.recordings / file, SAMPLING_RATE)]
        yield LabelledSpeech(np.concatenate(blocks), part, "recordings", REAL, speaker)
    for path in sorted((cache / "voices").glob("*.npy"))[::_EVERY_VOICE]:
        voice = path.stem.split("__")[0]
        yield LabelledSpeech(read_wave(path), TEST, "recordings", FAKE, voice, "text to speech")
