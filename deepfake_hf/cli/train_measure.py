"""The commands of ``train.py`` that measure: each writes a page, and some note figures in the bundle for its card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from deepfake_hf.cli.terminal import plain_errors

app = typer.Typer()
_FACES = typer.Option("--data", help="Folder of the parquet shards.")
_CACHE = typer.Option(help="The twin cache.")
_SPEECH = typer.Option(help="Genuine recordings.")
_BUNDLE = typer.Option(help="Default: the weights in the box.")
_SEEN = typer.Option(help="Kinds that training had, joined by semicolons.")
_BOX_SEEN = "DFDC; self-blend; " + "; ".join(
    f"rebuilt {what}, {name}" for name in ("shuffle_adversarial", "transposed") for what in ("face", "picture")
)


@app.command()
def card(
    source: Annotated[Path, typer.Option("--bundle", help="The bundle.")] = Path("deepfake_hf/weights"),
    out: Annotated[Path, typer.Option(help="The card.")] = Path("model_card.md"),
    perturbed: Annotated[
        list[str] | None, typer.Option(help="NAME=FOLDER of deepfake-hf robustness: noted for the card; several times.")
    ] = None,
) -> None:
    """Write the model card from the bundle's figures."""
    from deepfake_hf.evaluation.robustness_table import middle_rows
    from deepfake_hf.hub.bundle import open_bundle
    from deepfake_hf.hub.card import note_figures, render_card

    bundle = open_bundle(source)
    with plain_errors():
        if perturbed:
            named = dict(text.split("=", 1) for text in perturbed)
            note_figures(bundle, perturbed={name: middle_rows(Path(folder)) for name, folder in named.items()})
        text = render_card(bundle)
    out.write_text(text)
    (source / "README.md").write_text(text)


@app.command()
def results(
    video: Annotated[Path, typer.Option(help="Folder with talking/ and grid/.")] = Path("../shared/data/video"),
    swaps: Annotated[Path, typer.Option(help="Fakes of deepfake-hf synth swap.")] = Path("runs/swaps"),
    speech: Annotated[Path, _SPEECH] = Path("../shared/data/speech"),
    cache: Annotated[Path, _CACHE] = Path("runs/speech_cache"),
    work: Annotated[Path, typer.Option(help="Scratch.")] = Path("runs/results"),
    bundle: Annotated[Path | None, _BUNDLE] = None,
    out: Path = Path("docs/results.md"),
) -> None:
    """Run the detector over whole files, write the page of results, and note the verdicts in the bundle's figures."""
    from deepfake_hf.detector import Detector
    from deepfake_hf.hub.card import note_figures
    from deepfake_hf.training.results_page import write_results

    with plain_errors():
        detector = Detector.from_pretrained(bundle)
        note_figures(detector.bundle, whole_media=write_results(detector, video, swaps, speech, cache, work, out))


@app.command()
def shortcuts(
    speech: Annotated[Path, _SPEECH] = Path("../shared/data/speech"),
    cache: Annotated[Path, _CACHE] = Path("runs/speech_cache"),
    bundle: Annotated[Path | None, _BUNDLE] = None,
    out: Path = Path("docs/shortcuts.md"),
) -> None:
    """What the detector says of genuine speech that is disturbed, and of sound that is no speech, as a page."""
    from deepfake_hf.detector import Detector
    from deepfake_hf.training.shortcut_checks import write_shortcuts

    with plain_errors():
        write_shortcuts(Detector.from_pretrained(bundle), speech, cache, out)
    typer.echo(f"wrote {out}")


@app.command("spliced-seconds")
def spliced_seconds(
    data: Annotated[Path, _SPEECH] = Path("../shared/data/speech"),
    cache: Annotated[Path, _CACHE] = Path("runs/speech_cache"),
    bundle: Annotated[Path | None, _BUNDLE] = None,
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
    faces: Annotated[Path, _FACES] = Path("../shared/data/faces"),
    seen: Annotated[str, _SEEN] = _BOX_SEEN,
    count: Annotated[int, typer.Option(help="Crops of a kind at most.")] = 250,
    split: Annotated[str, typer.Option(help="validation, or dev to choose by.")] = "validation",
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
    record: Annotated[bool, typer.Option(help="Note the first model's figures in the box, for its card.")] = False,
    out: Path = Path("docs/unseen.md"),
) -> None:
    """Measure face models on kinds of fakes, in training or not, clean and worn, and write a page."""
    from deepfake_hf.hub.bundle import open_bundle
    from deepfake_hf.hub.card import note_figures
    from deepfake_hf.training.run import set_threads
    from deepfake_hf.training.unseen import write_unseen

    set_threads(threads)
    with plain_errors():
        measured = write_unseen(models, faces, out, _names(seen), count, split)
        if record:
            note_figures(open_bundle(), unseen=measured[0])
    typer.echo(f"wrote {out}")


@app.command()
def calibration(
    bundle: Annotated[Path | None, _BUNDLE] = None,
    faces: Annotated[Path, _FACES] = Path("../shared/data/faces"),
    cache: Annotated[Path, _CACHE] = Path("runs/speech_cache"),
    seen: Annotated[str, _SEEN] = _BOX_SEEN,
    count: Annotated[int, typer.Option(help="Face crops of a class at most.")] = 700,
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
    out: Path = Path("docs/calibration.md"),
) -> None:
    """Measure whether P(fake) means what it says, on known and new kinds: a page, pictures, figures for the card."""
    from deepfake_hf.hub.bundle import open_bundle
    from deepfake_hf.hub.card import note_figures
    from deepfake_hf.training.calibration_check import write_calibration
    from deepfake_hf.training.run import set_threads

    set_threads(threads)
    with plain_errors():
        measured = open_bundle(bundle)
        note_figures(measured, calibration=write_calibration(measured, faces, cache, _names(seen), out, count))
    typer.echo(f"wrote {out}")


@app.command()
def mix(
    run: Annotated[Path, typer.Argument(help="Folder of a face run.")],
    out: Annotated[Path, typer.Option(help="Folder for the pictures and manifest.csv.")],
    count: Annotated[int, typer.Option(help="Items at least.", min=1)] = 1000,
) -> None:
    """Write what a face run trains on as pictures, to look at and for deepfake-hf data audit."""
    from deepfake_hf.training.mix import write_mix

    with plain_errors():
        typer.echo(f"wrote {write_mix(run, out, count)}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(";")]
