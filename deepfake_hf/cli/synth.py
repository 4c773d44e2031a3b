"""``deepfake-hf synth``: fakes with known masks and seconds, made of genuine media."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepfake_hf.cli.synth_faces import FaceOptions
    from deepfake_hf.cli.synth_run import Maker, Plan, Source
    from deepfake_hf.synthesis.clip_faces import FindFaces

app = typer.Typer(
    help="Make fakes of genuine media, with known masks and seconds, to train and measure on.",
    epilog="Everything is drawn from --seed. In --out: fakes/, genuine/ (twins), masks/, details/ and manifest.csv. "
    "Use a folder for each command. Exit status: 0 all made, 2 bad usage, 3 some files could not be used.",
    no_args_is_help=True,
)
Paths = Annotated[
    list[str],
    typer.Argument(help="Genuine files, folders (searched in depth), globs, or a manifest.", metavar="PATH…"),
]
Out = Annotated[Path, typer.Option(help="Folder for fakes, twins, masks, details and manifest.csv.")]
Seed = Annotated[int, typer.Option(help="Of all that is drawn.", min=0)]
Count = Annotated[int, typer.Option(help="Fakes of each file (in each way).", min=1)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Make again what is there already.")]
Twins = Annotated[
    bool,
    typer.Option(help="Also write each genuine file as the fakes are written, so that no codec tells them apart."),
]
Dataset = Annotated[str, typer.Option(help="Data set's name in the manifest.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no last line.")]
FaceNumber = Annotated[
    int | None, typer.Option(help="Which face, counted from the left from 0; default: the largest.", min=0)
]
Until = Annotated[float | None, typer.Option(help="Use clips up to this second.", min=0.04)]
Crf = Annotated[int, typer.Option(help="H.264 quality of clips, 0 (lossless) to 51.", min=0, max=51)]
Others = Annotated[
    list[str] | None, typer.Option(help="Whose sound may be taken (as PATH, several times); default: the other files.")
]


@app.command("self-blend")
def self_blend(
    paths: Paths,
    out: Out,
    seed: Seed = 0,
    count: Count = 1,
    face: FaceNumber = None,
    until: Until = None,
    crf: Crf = 18,
    twins: Twins = True,
    dataset: Dataset = "synth",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Blend faces of pictures and clips with changed copies of themselves (one change a clip)."""
    from deepfake_hf.cli.synth_faces import SelfBlendMaker

    plan = _plan(out, seed, count, overwrite, twins, dataset, quiet)
    _run(paths, plan, ["self-blend"], lambda _: SelfBlendMaker(_finder(), _faces(face, until, crf)))


@app.command()
def swap(
    paths: Paths,
    out: Out,
    donors: Annotated[
        list[str] | None,
        typer.Option("--from", help="Whose faces may be taken (as PATH, several times); default: the other files."),
    ] = None,
    blend: Annotated[str, typer.Option(help="seamless (Poisson) or feather (soft edge).")] = "seamless",
    seed: Seed = 0,
    count: Count = 1,
    face: FaceNumber = None,
    until: Until = None,
    crf: Crf = 18,
    twins: Twins = True,
    dataset: Dataset = "synth",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Put other people's faces into pictures and clips by their landmarks."""
    from deepfake_hf.cli.synth_faces import SwapMaker

    if blend not in ("seamless", "feather"):
        raise typer.BadParameter(f"--blend {blend}: use seamless or feather")
    plan = _plan(out, seed, count, overwrite, twins, dataset, quiet)
    _run(
        paths,
        plan,
        ["swap"],
        lambda sources: SwapMaker(_finder(), _faces(face, until, crf), _pool(donors, sources, plan), blend),
    )


@app.command()
def reenact(
    paths: Paths,
    out: Out,
    drivers: Annotated[
        list[str] | None,
        typer.Option("--driver", help="Clips that drive (as PATH, several times); default: the other files."),
    ] = None,
    sound: Annotated[str, typer.Option(help="driver or own: whose sound goes along.")] = "driver",
    strength: Annotated[float, typer.Option(help="Factor of the motion.", min=0.1, max=3.0)] = 1.0,
    seed: Seed = 0,
    count: Count = 1,
    face: FaceNumber = None,
    until: Until = None,
    crf: Crf = 18,
    twins: Twins = True,
    dataset: Dataset = "synth",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Give faces of pictures and clips the expressions and the mouth of other clips; the shorter one ends it."""
    from deepfake_hf.cli.synth_reenact import ReenactMaker

    if sound not in ("driver", "own"):
        raise typer.BadParameter(f"--sound {sound}: use driver or own")
    plan = _plan(out, seed, count, overwrite, twins, dataset, quiet)
    _run(
        paths,
        plan,
        ["reenact"],
        lambda sources: ReenactMaker(
            _finder(), _faces(face, until, crf), _pool(drivers, sources, plan), sound == "own", strength
        ),
    )


@app.command()
def reconstruct(
    paths: Paths,
    out: Out,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Autoencoder in the box or folder of train.py reconstructor (several times); default: all."),
    ] = None,
    seed: Seed = 0,
    face: FaceNumber = None,
    until: Until = None,
    crf: Crf = 18,
    twins: Twins = True,
    dataset: Dataset = "synth",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Send faces of pictures and clips through small autoencoders, which leave the traces of a decoder."""
    from deepfake_hf.cli.synth_faces import ReconstructMaker
    from deepfake_hf.errors import DeepfakeHFError
    from deepfake_hf.synthesis.reconstructor import built_in_reconstructors, find_reconstructor

    try:
        folders = [find_reconstructor(name) for name in model or built_in_reconstructors()]
    except DeepfakeHFError as error:
        raise typer.BadParameter(str(error)) from None
    models = {f"reconstruct-{folder.resolve().name}": folder for folder in folders}
    if len(models) < len(folders):
        raise typer.BadParameter("--model: two folders have one name, which would give their fakes one name too")
    plan = _plan(out, seed, 1, overwrite, twins, dataset, quiet)
    _run(paths, plan, list(models), lambda _: ReconstructMaker(_finder(), _faces(face, until, crf), models))


@app.command()
def vocode(
    paths: Paths,
    out: Out,
    vocoder: Annotated[
        list[str] | None,
        typer.Option(
            help="hifigan, hifigan_lj, world, world_coarse, griffin_lim, griffin_lim_linear, mel_magnitude, "
            "phase_drift, lpc, cepstral (several times), or all."
        ),
    ] = None,
    seed: Seed = 0,
    count: Count = 1,
    twins: Twins = True,
    dataset: Dataset = "synth",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Build speech of sound files and videos again by vocoders (default griffin_lim); channels are mixed to one."""
    from deepfake_hf.cli.synth_sound import VocodeMaker
    from deepfake_hf.synthesis.vocoders import FAMILIES

    names = _vocoders(vocoder or ["griffin_lim"], ())
    plan = _plan(out, seed, count, overwrite, twins, dataset, quiet)
    resample = any(FAMILIES[name] == "hifigan" for name in names)
    _run(paths, plan, [f"vocode-{name}" for name in names], lambda _: VocodeMaker(resample))


@app.command("shift-sync")
def shift_sync(
    paths: Paths,
    out: Out,
    shift: Annotated[float | None, typer.Option(help="Seconds, later where positive; default: drawn.")] = None,
    least: Annotated[float, typer.Option(help="Least shift that is drawn, seconds, to either side.", min=0.0)] = 0.2,
    most: Annotated[float, typer.Option(help="Most.", min=0.0)] = 1.0,
    swap: Annotated[bool, typer.Option("--swap", help="Take another video's sound instead of shifting.")] = False,
    other: Others = None,
    seed: Seed = 0,
    count: Count = 1,
    twins: Twins = True,
    dataset: Dataset = "synth",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Move the sound of videos against their pictures (it wraps around), or swap it; details/ tells the offset."""
    from deepfake_hf.cli.synth_sound import ShiftMaker

    if swap and shift is not None:
        raise typer.BadParameter("--swap and --shift exclude each other: give one of them")
    if other and not swap:
        raise typer.BadParameter("--other names sound to swap in: add --swap")
    if not 0 < least <= most:
        raise typer.BadParameter(f"--least {least:g} --most {most:g}: give 0 < least ≤ most")
    plan = _plan(out, seed, count, overwrite, twins, dataset, quiet)
    _run(
        paths,
        plan,
        ["swap-sound" if swap else "shift-sync"],
        lambda sources: ShiftMaker(shift, (least, most), _pool(other, sources, plan) if swap else None),
    )


@app.command()
def splice(
    paths: Paths,
    out: Out,
    by: Annotated[
        list[str] | None,
        typer.Option(help="What replaces it: a vocoder's name, or other (another file's words); several times."),
    ] = None,
    other: Others = None,
    seconds: Annotated[float, typer.Option(help="Length of the stretch.", min=0.1)] = 1.0,
    fade: Annotated[float, typer.Option(help="Length of the cross-fades inside it, seconds.", min=0.0)] = 0.02,
    seed: Seed = 0,
    count: Count = 1,
    twins: Twins = True,
    dataset: Dataset = "synth",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Replace a stretch of speech (default: by griffin_lim); the manifest tells its seconds."""
    from deepfake_hf.cli.synth_sound import SpliceMaker

    names = _vocoders(by or ["griffin_lim"], ("other",))
    if other and "other" not in names:
        raise typer.BadParameter("--other names whose words to take: add --by other")
    plan = _plan(out, seed, count, overwrite, twins, dataset, quiet)
    _run(
        paths,
        plan,
        [f"splice-{name}" for name in names],
        lambda sources: SpliceMaker(seconds, fade, _pool(other, sources, plan)),
    )


def _plan(out: Path, seed: int, count: int, overwrite: bool, twins: bool, dataset: str, quiet: bool) -> Plan:
    from deepfake_hf.cli.synth_run import Plan

    return Plan(out, seed, count, overwrite, twins, dataset, quiet)


def _faces(face: int | None, until: float | None, crf: int) -> FaceOptions:
    from deepfake_hf.cli.synth_faces import FaceOptions

    return FaceOptions(face, until, crf)


def _finder() -> FindFaces:
    """Faces and landmarks from the weights in the box."""
    from deepfake_hf.detector import Detector

    return Detector.from_pretrained().landmarks


def _pool(paths: list[str] | None, sources: list[Source], plan: Plan) -> list[Source]:
    """The files that others are drawn from: those named, or all."""
    from deepfake_hf.cli.synth_run import find_sources
    from deepfake_hf.errors import UsageError

    if not paths:
        return sources
    found, empty = find_sources(paths, plan)
    if empty or not found:
        raise UsageError("the files to draw others from", " ".join(empty) or "there are none", "name files that exist")
    return found


def _vocoders(names: list[str], more: tuple[str, ...]) -> list[str]:
    from deepfake_hf.synthesis.vocoders import GENERATORS

    known = [*GENERATORS, *more]
    unknown = [name for name in names if name not in (*known, "all")]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: there is no such way; use {', '.join(known)} or all")
    return list(GENERATORS) if "all" in names else list(dict.fromkeys(names))


def _run(paths: list[str], plan: Plan, methods: list[str], prepare: Callable[[list[Source]], Maker]) -> NoReturn:
    from deepfake_hf.cli.synth_run import run

    raise typer.Exit(run(paths, plan, methods, prepare))
