"""The tree behind ``train.py``: one command a branch, and one that makes the bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from deepfake_hf.cli.terminal import plain_errors
from deepfake_hf.cli.train_stages import app as stages

app = typer.Typer(help="Train the branches of a detector and make a bundle of them.", no_args_is_help=True)
app.add_typer(stages)


@app.command()
def reconstructor(
    data: Annotated[Path, typer.Option(help="Folder of the parquet shards.")] = Path("../shared/data/faces"),
    out: Annotated[Path, typer.Option(help="Run folder: log, checkpoint, model.")] = Path("runs/reconstructor"),
    upsampling: Annotated[str, typer.Option(help="transposed, nearest or shuffle.")] = "transposed",
    adversarial: Annotated[bool, typer.Option(help="With a patch discriminator.")] = False,
    image_size: Annotated[int, typer.Option(help="Side in pixels.")] = 128,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps; default: the recipe's.")] = None,
    batch: Annotated[int | None, typer.Option(help="Faces a step.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    mixed_precision: Annotated[str | None, typer.Option(help="bf16, fp16 or no.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in --out.")] = False,
) -> None:
    """Train a face autoencoder on genuine faces, for deepfake-hf synth reconstruct."""
    from deepfake_hf.synthesis.reconstructor import ReconstructorConfig
    from deepfake_hf.training.reconstructor import ReconstructorRecipe, train_reconstructor
    from deepfake_hf.training.run import set_threads

    set_threads(threads)
    asked = {"steps": steps, "batch": batch, "seed": seed, "mixed_precision": mixed_precision}
    given: dict[str, Any] = {key: value for key, value in asked.items() if value is not None}
    with plain_errors():
        config = ReconstructorConfig(upsampling, image_size, adversarial=adversarial)
        folder = train_reconstructor(ReconstructorRecipe(str(data), str(out), config, **given), resume=resume)
    typer.echo((folder.parent / "metrics.json").read_text().rstrip())
    typer.echo(f"saved {folder}")


@app.command("speech-data")
def make_speech_data(
    data: Annotated[Path, typer.Option(help="Folder with manifest.csv.")] = Path("../shared/data/speech"),
    out: Annotated[Path, typer.Option(help="The twin cache.")] = Path("runs/speech_cache"),
) -> None:
    """Make the twin cache: genuine speech and its copy-synthesis. Can be stopped and started again."""
    from deepfake_hf.training.speech_data import make_speech_cache

    make_speech_cache(data, out)


_CACHE = typer.Option(help="The twin cache.")
_LEAVE_OUT = typer.Option(help="Train without this generator family.")
_EACH_LEFT_OUT = typer.Option(help="Train once without each family; loo.json in --out.")


@app.command()
def speech(
    cache: Annotated[Path, _CACHE] = Path("runs/speech_cache"),
    out: Annotated[Path, typer.Option(help="Run folder.")] = Path("runs/speech/final"),
    leave_out: Annotated[str | None, _LEAVE_OUT] = None,
    each_left_out: Annotated[bool, _EACH_LEFT_OUT] = False,
    voices: Annotated[bool, typer.Option(help="Train on the text-to-speech voices in the cache too.")] = True,
    coded_weight: Annotated[float, typer.Option(help="Of a wave that went through a codec, beside a clean one.")] = 0.1,
) -> None:
    """Fit the speech branch on statistics of genuine speech, its copy-synthesis and spoken text."""
    from deepfake_hf.training.speech_fit import FitRecipe, fit_each_left_out, fit_speech

    recipe = FitRecipe(voices=voices, coded_weight=coded_weight)
    if each_left_out:
        typer.echo(json.dumps(fit_each_left_out(cache, out, recipe), indent=1))
    else:
        typer.echo(json.dumps(fit_speech(cache, out, recipe, leave_out)["validation"], indent=1))


@app.command()
def bundle(
    name: str = "deepfake_hf-lite",
    face_model: Annotated[Path, typer.Option(help="Model folder of the face run.")] = Path("runs/face/model"),
    face_data: Annotated[Path, typer.Option(help="Folder of the parquet shards.")] = Path("../shared/data/faces"),
    speech_run: Annotated[Path, typer.Option(help="Final run of the speech branch.")] = Path("runs/speech/final"),
    left_out: Annotated[Path, typer.Option(help="Figures of the leave-one-out runs.")] = Path("runs/speech/loo.json"),
    speech_data: Annotated[Path, typer.Option(help="Genuine recordings.")] = Path("../shared/data/speech"),
    cache: Annotated[Path, typer.Option(help="The twin cache.")] = Path("runs/speech_cache"),
    landmarks_model: Annotated[Path, typer.Option(help="Model folder.")] = Path("runs/landmarks"),
    work: Annotated[Path, typer.Option(help="Where the calibrated branches go first.")] = Path("runs/branches"),
    out: Annotated[Path, typer.Option(help="The bundle.")] = Path("deepfake_hf/weights"),
) -> None:
    """Calibrate the branches on the parts set aside, measure them, and write the bundle.

    It keeps the lip-sync net that lies in --out, or takes along that of the box; publish-sync puts in another.
    """
    from deepfake_hf.hub.bundle import EMBEDDED, lip_sync_in, write_bundle
    from deepfake_hf.hub.canary import write_canary
    from deepfake_hf.hub.card import FIGURES
    from deepfake_hf.hub.onnx_files import add_graphs
    from deepfake_hf.scoring.decision import BranchCalibration
    from deepfake_hf.training.publish_face import publish_face
    from deepfake_hf.training.publish_speech import publish_speech

    face_null = publish_face(face_model, face_data, work / "face")
    heard = publish_speech(speech_run, left_out, work / "speech", speech_data, cache)
    branches = {
        "face": ("frame", work / "face", BranchCalibration(face_null)),
        "speech": ("statistics", work / "speech", heard),
    }
    figures = {
        "face": json.loads((work / "face" / "figures.json").read_text()),
        "speech": json.loads((work / "speech" / "figures.json").read_text()),
        "landmarks": json.loads((landmarks_model / "metrics.json").read_text()),
        "card": {"datasets": ["openslr/librispeech_asr"], "tags": ["video-classification"]},
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / FIGURES).write_text(json.dumps(figures, indent=2) + "\n")
    lip_sync = None if lip_sync_in(out) else lip_sync_in(EMBEDDED)
    made = add_graphs(write_bundle(out, name, branches, landmarks_model, "trained", {}, lip_sync))
    for answer in write_canary(made):
        typer.echo(f"canary {answer.branch}: {answer}")
    typer.echo(made.label)


@app.command()
def average(
    models: Annotated[list[Path], typer.Argument(help="Model folders of runs that went on from one another.")],
    out: Annotated[Path, typer.Option(help="Run folder of the mean.")],
    share: Annotated[list[float] | None, typer.Option(help="Of each, in order; default: even.")] = None,
) -> None:
    """Average the weights of two or more models of one system."""
    from deepfake_hf.training.average import average_models

    with plain_errors():
        made = average_models(models, share or [1 / len(models)] * len(models), out)
    typer.echo(f"saved {made}")


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option(help="The bundle.")],
    name: Annotated[str | None, typer.Option(help="Of the bundle; default: the run's.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
) -> None:
    """Make a bundle of any frame or sound run: calibrated on one part that it held out, measured on the other."""
    from deepfake_hf.training.publish_run import publish_run
    from deepfake_hf.training.run import set_threads

    set_threads(threads)
    with plain_errors():
        made = publish_run(run, out, name)
    typer.echo(made.label)


@app.command("publish-sync")
def publish_sync(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run of train.py sync.")],
    out: Annotated[Path, typer.Option(help="The folder sync of a bundle.")] = Path("deepfake_hf/weights/sync"),
) -> None:
    """Put a lip-sync net into a bundle's folder, in half precision: it gives evidence in reports and is no branch."""
    from deepfake_hf.training.publish_sync import publish_sync as publish_net

    with plain_errors():
        size = publish_net(run, out)
    typer.echo(f"saved {out}, {size:,} bytes of weights")


@app.command()
def card(
    source: Annotated[Path, typer.Option("--bundle", help="The bundle.")] = Path("deepfake_hf/weights"),
    out: Annotated[Path, typer.Option(help="The card.")] = Path("model_card.md"),
) -> None:
    """Write the model card from the bundle's figures."""
    from deepfake_hf.hub.bundle import open_bundle
    from deepfake_hf.hub.card import render_card

    text = render_card(open_bundle(source))
    out.write_text(text)
    (source / "README.md").write_text(text)


@app.command()
def results(
    video: Annotated[Path, typer.Option(help="Folder with talking/ and grid/.")] = Path("../shared/data/video"),
    swaps: Annotated[Path, typer.Option(help="Fakes of deepfake-hf synth swap.")] = Path("runs/swaps"),
    speech: Annotated[Path, typer.Option(help="Genuine recordings.")] = Path("../shared/data/speech"),
    cache: Annotated[Path, typer.Option(help="The twin cache.")] = Path("runs/speech_cache"),
    work: Annotated[Path, typer.Option(help="Scratch.")] = Path("runs/results"),
    bundle: Annotated[Path | None, typer.Option(help="Default: the weights in the box.")] = None,
    out: Path = Path("docs/results.md"),
) -> None:
    """Run the detector over whole files, write the page of results, and note the verdicts in the bundle's figures."""
    from deepfake_hf.detector import Detector
    from deepfake_hf.hub.card import FIGURES
    from deepfake_hf.training.results_page import write_results

    with plain_errors():
        detector = Detector.from_pretrained(bundle)
        counts = write_results(detector, video, swaps, speech, cache, work, out)
    path = detector.bundle.path / FIGURES
    path.write_text(json.dumps({**json.loads(path.read_text()), "whole_media": counts}, indent=2) + "\n")


@app.command()
def shortcuts(
    speech: Annotated[Path, typer.Option(help="Genuine recordings.")] = Path("../shared/data/speech"),
    cache: Annotated[Path, typer.Option(help="The twin cache.")] = Path("runs/speech_cache"),
    bundle: Annotated[Path | None, typer.Option(help="Default: the weights in the box.")] = None,
    out: Path = Path("docs/shortcuts.md"),
) -> None:
    """What the detector says of genuine speech that is disturbed, and of sound that is no speech, as a page."""
    from deepfake_hf.detector import Detector
    from deepfake_hf.training.shortcut_checks import write_shortcuts

    with plain_errors():
        write_shortcuts(Detector.from_pretrained(bundle), speech, cache, out)
    typer.echo(f"wrote {out}")


@app.command("short-head")
def short_head(
    data: Annotated[Path, typer.Option(help="Genuine recordings.")] = Path("../shared/data/speech"),
    cache: Annotated[Path, _CACHE] = Path("runs/speech_cache"),
    bundle: Annotated[Path, typer.Option(help="Its speech branch gets the head.")] = Path("deepfake_hf/weights"),
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
) -> None:
    """Fit the head for windows of a second, and the limits of stretches, after the speech branch is published."""
    from deepfake_hf.training.run import set_threads
    from deepfake_hf.training.short_head import put_short_head

    set_threads(threads)
    with plain_errors():
        null = put_short_head(bundle, data, cache, lambda line: typer.echo(line, err=True))
    typer.echo(f"saved {bundle}/speech; limits from {null.num_samples} pieces")


@app.command("spliced-seconds")
def spliced_seconds(
    data: Annotated[Path, typer.Option(help="Genuine recordings.")] = Path("../shared/data/speech"),
    cache: Annotated[Path, _CACHE] = Path("runs/speech_cache"),
    bundle: Annotated[Path | None, typer.Option(help="Default: the weights in the box.")] = None,
    split: Annotated[str, typer.Option(help="Whose speakers' recordings.")] = "validation",
    seed: Annotated[int, typer.Option(help="Of places and draws.")] = 21,
) -> None:
    """Put a second of copy-synthesis into genuine recordings and say how often it is found; JSON on the output."""
    import numpy as np

    from deepfake_hf.detector import Detector
    from deepfake_hf.errors import UsageError
    from deepfake_hf.evaluation.spliced_seconds import check_spliced_seconds
    from deepfake_hf.media import read_audio
    from deepfake_hf.training.speech_data import read_clips

    with plain_errors():
        detector = Detector.from_pretrained(bundle)
        held = detector.bundle.calibrations.get("speech")
        if detector.speech_branch is None or held is None or held.stretches is None:
            raise UsageError("spliced-seconds", "this bundle looks for no seconds that stand out", "take another")
        rate = detector.speech_branch.sampling_rate
        names = sorted({c.path for c in read_clips(cache) if c.source == "librispeech" and c.split == split})
        sounds = [np.concatenate([block.waveform for block in read_audio(data / name, rate)]) for name in names]
        found = check_spliced_seconds(
            detector.speech_branch, held.stretches, sounds, seed=seed, tell=lambda line: typer.echo(line, err=True)
        )
    typer.echo(json.dumps(found, indent=1))


@app.command()
def unseen(
    models: Annotated[list[Path], typer.Argument(help="Folders of frame models.")],
    faces: Annotated[Path, typer.Option("--data", help="Folder of the parquet shards.")] = Path("../shared/data/faces"),
    seen: Annotated[str, typer.Option(help="Kinds that training had, joined by semicolons.")] = "DFDC; self-blend",
    count: Annotated[int, typer.Option(help="Crops of a kind at most.")] = 250,
    split: Annotated[str, typer.Option(help="validation, or dev to choose by.")] = "validation",
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
    out: Path = Path("docs/unseen.md"),
) -> None:
    """Measure face models on kinds of fakes, in training or not, clean and worn, and write a page."""
    from deepfake_hf.training.run import set_threads
    from deepfake_hf.training.unseen import write_unseen

    set_threads(threads)
    with plain_errors():
        write_unseen(models, faces, out, [name.strip() for name in seen.split(";")], count, split)
    typer.echo(f"wrote {out}")


def main() -> None:
    """Entry point of ``train.py``."""
    app()
