"""``deepfake-hf maps-check``: score the kinds of heat maps and say which are fit to be shown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepfake_hf.cli.terminal import plain_errors, progress

if TYPE_CHECKING:
    from deepfake_hf.evaluation.map_sounds import SpeechPair


@dataclass(frozen=True)
class MapsOptions:
    """What the command was asked for."""

    crops: Path | None
    speech: Path | None
    split: str
    limit: int
    face_model: Path | None
    bundle: str | None
    out: Path
    record: bool
    pictures: bool
    seed: int


def maps_check(
    crops: Annotated[
        Path | None, typer.Option(help="Face crops: parquet shards with landmarks, to score maps of faces on.")
    ] = None,
    speech: Annotated[
        Path | None, typer.Option(help="A speech cache of `train.py speech-data`, to score maps of sound on.")
    ] = None,
    split: Annotated[str, typer.Option(help="validation, or dev: choose settings on dev, report validation.")] = (
        "validation"
    ),
    limit: Annotated[int, typer.Option(help="Faces at most, each of a video of its own.", min=1)] = 150,
    face_model: Annotated[
        Path | None,
        typer.Option(help="A saved frame model instead of the bundle's: only its attention mask is scored."),
    ] = None,
    bundle: Annotated[str | None, typer.Option(help="Weights: a folder or a Hub id; default: in the box.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the figures and pictures.")] = Path("runs/maps"),
    record: Annotated[
        bool, typer.Option("--record", help="Also write the figures into the package, where the library reads them.")
    ] = False,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Also draw a map of the project's own portrait and speech sample.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
) -> None:
    """Score heat maps on fakes whose changed places are known, beside a blob in the middle that knows nothing.

    Exit status: 0 done, 2 bad usage.
    """
    options = MapsOptions(crops, speech, split, limit, face_model, bundle, out, record, pictures, seed)
    with plain_errors():
        _run(options)


def _run(options: MapsOptions) -> None:
    from deepfake_hf.errors import DataError, UsageError
    from deepfake_hf.evaluation.map_table import to_markdown
    from deepfake_hf.evidence.maps.kinds import MEASURED, measured_figures

    if options.crops is None and options.speech is None and not options.pictures:
        raise UsageError("maps-check", "there is nothing to score maps on", "give --crops, --speech or both")
    found: dict[str, Any] = {}
    if options.crops is not None:
        found |= _faces(options.crops, options)
    if options.speech is not None:
        found |= _speech(options.speech, options)
    figures = {"kinds": {**(measured_figures()["kinds"] if options.record else {}), **found}}
    text = json.dumps(rounded(figures), indent=1) + "\n"
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        if options.pictures:
            _pictures(options)
        if found:
            (options.out / "maps.json").write_text(text, encoding="utf-8")
            (options.out / "maps.md").write_text(to_markdown(figures), encoding="utf-8")
        if found and options.record:
            MEASURED.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{options.out} cannot be written", str(error), "name another folder with --out") from error
    typer.echo(to_markdown({"kinds": found}) if found else f"pictures in {options.out}", nl=not found)


def rounded(value: Any) -> Any:
    """The same figures with four decimals."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


def _pictures(options: MapsOptions) -> None:
    """``maps_face.png``: the self-blended portrait; ``maps_sound.png``: the speech sample, a second rebuilt."""
    import numpy as np

    from deepfake_hf.detector import Detector
    from deepfake_hf.errors import UsageError
    from deepfake_hf.evaluation.map_plants import rebuilt_stretch
    from deepfake_hf.evidence.maps.draw import frame_figure, sound_figure
    from deepfake_hf.evidence.maps.picture import face_map
    from deepfake_hf.evidence.maps.sound import sound_map
    from deepfake_hf.faces import crop_face
    from deepfake_hf.synthesis.examples import SPEECH_RATE, self_blended_portrait, speech_pair

    detector = Detector.from_pretrained(options.bundle)
    if detector.face_branch is None or detector.speech_branch is None:
        raise UsageError("--pictures", "this detector lacks the face or the sound branch", "give another --bundle")
    portrait = self_blended_portrait()
    faces = detector.face_detector.detect(portrait)
    if not faces:
        raise UsageError("--pictures", "no face was found in the portrait", "check the face detector with doctor")
    box = faces[0].box_xyxy
    heat = face_map("joint_cam", detector.face_branch, crop_face(portrait, box, 224))
    frame_figure(portrait, [(box, heat)], "the face").savefig(options.out / "maps_face.png", dpi=110)
    genuine, fake = speech_pair()
    plant = rebuilt_stretch(genuine, fake, "griffin_lim", SPEECH_RATE, np.random.default_rng(options.seed))
    line = sound_map("short_windows", detector.speech_branch, plant.waveform)
    figure = sound_figure(plant.waveform, SPEECH_RATE, line)
    figure.suptitle(f"rebuilt: {plant.begin_s:.2f} to {plant.end_s:.2f} s", fontsize=9)
    figure.savefig(options.out / "maps_sound.png", dpi=110)


def _faces(folder: Path, options: MapsOptions) -> dict[str, Any]:
    import numpy as np
    import torch

    from deepfake_hf.detector import Detector
    from deepfake_hf.errors import UsageError
    from deepfake_hf.evaluation.map_faces import FaceCheckSize, check_face_maps
    from deepfake_hf.hub.bundle import bundle_hash
    from deepfake_hf.inference.branch import FrameBranch
    from deepfake_hf.labels import REAL
    from deepfake_hf.training.face_data import load_faces

    only = None
    if options.face_model is not None:
        branch: Any = FrameBranch(options.face_model, torch.device("cpu"))
        own = bundle_hash(options.face_model)
        weights, only = f"{options.face_model.parent.name} {branch.model.config.weights_origin}", "attention_mask"
    else:
        detector = Detector.from_pretrained(options.bundle, runtime="torch")  # its weights are drawn anew for a check
        branch, weights = detector.face_branch, detector.bundle.label
        own = detector.bundle.branch_sha256("face")
    if branch is None:
        raise UsageError("--crops", "this detector has no face branch", "give another --bundle")
    rows = [row for row in load_faces(folder, options.split) if row.label == REAL and row.landmarks_xy is not None]
    order = np.random.default_rng(options.seed).permutation(len(rows))
    by_source = {rows[i].source: rows[i] for i in reversed(order)}
    chosen = [by_source[name] for name in dict.fromkeys(rows[i].source for i in order)][: options.limit]
    faces = [(row.rgb(), row.landmarks_xy) for row in chosen if row.landmarks_xy is not None]
    with progress("maps of faces") as tell:
        found = check_face_maps(branch, faces, FaceCheckSize(faces=options.limit), options.seed, tell, only)
    about = {"weights": weights, "branch_sha256": own, "split": options.split}
    about |= {"genuine_margins": found["genuine_margins"]}
    return {kind: {**about, **one} for kind, one in found["kinds"].items()}


def _speech(cache: Path, options: MapsOptions) -> dict[str, Any]:
    from deepfake_hf.detector import Detector
    from deepfake_hf.errors import UsageError
    from deepfake_hf.evaluation.map_sounds import check_sound_maps

    detector = Detector.from_pretrained(options.bundle)
    if detector.speech_branch is None:
        raise UsageError("--speech", "this detector has no branch of sound", "give another --bundle")
    with progress("maps of sound") as tell:
        found = check_sound_maps(detector.speech_branch, _pairs(cache, options.split), options.seed, tell)
    bundle = detector.bundle
    about = {"weights": bundle.label, "branch_sha256": bundle.branch_sha256("speech"), "split": options.split}
    return {kind: {**about, **one} for kind, one in found["kinds"].items()}


def _pairs(cache: Path, split: str) -> list[SpeechPair]:
    """Each clip of two seconds or more with one of its vocoders, in turn."""
    from deepfake_hf.evaluation.map_sounds import SpeechPair
    from deepfake_hf.training.speech_data import (
        FAST_GENERATORS,
        GENUINE,
        SAMPLING_RATE,
        neural_generator,
        read_clips,
        read_wave,
        wave_path,
    )

    pairs: list[SpeechPair] = []
    for clip in read_clips(cache):
        if clip.split != split or clip.num_samples < 2 * SAMPLING_RATE:
            continue
        there = [
            name for name in (*FAST_GENERATORS, neural_generator(clip)) if wave_path(cache, clip.name, name).is_file()
        ]
        if there:
            name = there[len(pairs) % len(there)]
            genuine, twin = (read_wave(wave_path(cache, clip.name, one)) for one in (GENUINE, name))
            pairs.append(SpeechPair(genuine, twin, name))
    return pairs
