"""``deepfake-hf hub``: pack, check and push bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepfake_hf.cli.terminal import plain_errors

app = typer.Typer(help="Pack, check and push bundles of weights.", no_args_is_help=True)


@app.command()
def pack(
    out: Annotated[Path, typer.Argument(help="Where the bundle goes.")],
    bundle: Annotated[str | None, typer.Option(help="Pack this bundle; default: the weights in the box.")] = None,
    branch: Annotated[
        list[str] | None,
        typer.Option(help="Make a new bundle: face=FOLDER, speech=FOLDER. Several times.", metavar="NAME=FOLDER"),
    ] = None,
    calibration: Annotated[Path | None, typer.Option(help="calibration.safetensors of the new bundle.")] = None,
    landmarks: Annotated[Path | None, typer.Option(help="Landmark regressor of the new bundle.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the new bundle.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Measured figures by branch; default: the bundle's own.")] = None,
    code: Annotated[
        bool, typer.Option("--code", help="Put the code in, for trust_remote_code=True without this library.")
    ] = False,
    licence: Annotated[str | None, typer.Option(help="Hub identifier, such as apache-2.0; TERMS.md wins.")] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="Hub id of a data set. Several times.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Further tag of the card. Several times.")] = None,
) -> None:
    """Write a bundle to share: canary pair, card with model-index, checksums and, where asked, code."""
    from deepfake_hf.errors import UsageError
    from deepfake_hf.hub.bundle import Bundle, open_bundle
    from deepfake_hf.hub.pack import BranchFolders, CardFacts, PackOptions
    from deepfake_hf.hub.pack import pack as pack_bundle

    with plain_errors():
        source: Bundle | BranchFolders
        if branch:
            if bundle is not None:
                raise UsageError("--bundle and --branch", "they exclude each other", "give one of them")
            if calibration is None or name is None:
                raise UsageError("--branch alone", "a new bundle needs more", "add --calibration FILE and --name NAME")
            source = BranchFolders(name, _folders(branch), calibration, landmarks)
        elif calibration or landmarks or name:
            raise UsageError(
                "--calibration, --landmarks and --name", "they make a new bundle", "give --branch NAME=FOLDER too"
            )
        else:
            source = open_bundle(bundle)
        facts = CardFacts(licence, tuple(dataset or ()), tuple(tag or ()))
        typer.echo(f"packed {pack_bundle(source, out, PackOptions(figures, code, facts)).label} into {out}")


@app.command()
def check(
    bundle: Annotated[str, typer.Argument(help="A folder that hub pack has made, or a Hub id.")],
) -> None:
    """Open, verify, load strictly and score the canary pair. Exit status: 0 all holds, 1 something does not."""
    from deepfake_hf.hub.check import check_bundle

    findings = check_bundle(bundle)
    for finding in findings:
        typer.echo(f"{'ok    ' if finding.holds else 'BROKEN'} {finding.name}: {finding.detail}")
    raise typer.Exit(0 if all(finding.holds for finding in findings) else 1)


@app.command()
def push(
    folder: Annotated[Path, typer.Argument(help="Made by hub pack.")],
    repository: Annotated[str, typer.Argument(help="owner/name on the Hub.")],
    public: Annotated[bool, typer.Option("--public", help="Everybody may see it; default: private.")] = False,
) -> None:
    """Check a packed bundle and upload it. After an interruption, push again: what has arrived is not sent twice."""
    from deepfake_hf.hub.push import push_bundle

    with plain_errors():
        typer.echo(f"pushed to {push_bundle(folder, repository, private=not public)}")


@app.command("push-space")
def push_space(
    repository: Annotated[str, typer.Argument(help="owner/name of the Space.")],
    public: Annotated[bool, typer.Option("--public", help="Everybody may see it; default: private.")] = False,
    out: Annotated[Path | None, typer.Option(help="Keep what is uploaded in this folder.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Make it, upload nothing; needs --out.")] = False,
) -> None:
    """Put the page on the Hub: builds the wheel, pins the requirements, uploads both with the page. From a checkout."""
    import tempfile

    from deepfake_hf.cli.space import page_folder
    from deepfake_hf.errors import UsageError
    from deepfake_hf.hub.push_space import push_space as push_files
    from deepfake_hf.hub.push_space import stage_space

    with plain_errors():
        if dry_run and out is None:
            raise UsageError("--dry-run", "it makes a folder and uploads nothing", "say where: --out FOLDER")
        with tempfile.TemporaryDirectory(prefix="deepfake_hf_space_") as made:
            folder = stage_space(page_folder(), out or Path(made))
            if dry_run:
                typer.echo(f"made {folder}")
                return
            typer.echo(f"pushed to {push_files(folder, repository, private=not public)}")


def _folders(entries: list[str]) -> dict[str, Path]:
    from deepfake_hf.errors import UsageError

    folders = {}
    for entry in entries:
        name, equals, folder = entry.partition("=")
        if not (name and equals and folder):
            raise UsageError(f"--branch {entry}", "it is not NAME=FOLDER", "write --branch face=runs/face/model")
        folders[name] = Path(folder)
    return folders
