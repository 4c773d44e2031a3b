"""A bundle: ``detector.json``, one ``transformers`` folder per branch and calibration in safetensors. No pickles."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors.numpy import load_file, save_file

from deepfake_hf._version import __version__
from deepfake_hf.errors import BundleError
from deepfake_hf.scoring.decision import BranchCalibration

MANIFEST: Final = "detector.json"
CALIBRATION: Final = "calibration.safetensors"
CANARY: Final = "canary.safetensors"
SUMS: Final = "SHA256SUMS"
GRAPH: Final = "model.onnx"
ROOT_CONFIG: Final = "config.json"
MODEL_TYPE: Final = "deepfake_hf_bundle"
FORMAT_VERSION: Final = 1
LIP_SYNC: Final = "sync"
FACES: Final = "frame"  # the kind of branch whose graph runs without torch
EMBEDDED: Final = Path(__file__).resolve().parent.parent / "weights"
_PICKLES: Final = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5")
# What Detector scores: face crops one by one, windows of sound as spectrograms or as they are.
_BRANCH_KINDS: Final = ("frame", "audio", "waveform", "statistics")
# What says something about the weights without being part of them.
_BESIDE_THE_WEIGHTS: Final = ("figures.json", CANARY, ROOT_CONFIG)


@dataclass(frozen=True)
class Bundle:
    """A checked bundle on disk.

    ``branches`` maps a branch name (``face``, ``speech``) to its kind; each has a folder of that name. ``weights`` is
    ``trained`` or ``random``; ``sha256`` is :func:`bundle_hash`. Of a third-party classifier (``weights`` is
    ``third-party``) ``path`` is the branch's own folder, ``calibrations`` is empty, and ``meaning`` says for each
    output of its head REAL or FAKE; elsewhere it is None.
    """

    path: Path
    name: str
    branches: dict[str, str]
    calibrations: dict[str, BranchCalibration]
    landmarks: Path | None
    weights: str
    sha256: str
    manifest: dict[str, Any]
    meaning: tuple[int, ...] | None = None

    @property
    def label(self) -> str:
        """How results name the weights: name, honesty and hash."""
        return f"{self.name} {self.weights} sha256:{self.sha256[:16]}"

    def branch_sha256(self, branch: str) -> str:
        """:func:`bundle_hash` of one branch: it stays what it is when another branch is replaced."""
        return bundle_hash(self.path, branch) if (self.path / branch).is_dir() else self.sha256

    @property
    def lip_sync(self) -> Path | None:
        """Folder of the lip-sync net, which gives evidence and is no branch; None where the bundle brings none."""
        return lip_sync_in(self.path)


def is_third_party(folder: Path) -> bool:
    """A model's folder that is no bundle."""
    return (folder / "config.json").is_file() and not (folder / MANIFEST).is_file()


def find_folder(source: str | Path | None, revision: str | None = None, token: str | bool | None = None) -> Path:
    """The folder of a bundle or of a third-party model.

    Args:
        source: None for the weights in the box, a folder, or a Hub repository id (``owner/name``), which is fetched.
        revision: branch, tag or commit of a Hub repository.
        token: for the Hub; None takes the one that is stored on this machine.

    Raises:
        BundleError: Not there, or not to be fetched.
    """
    folder = EMBEDDED if source is None else Path(source)
    if folder.is_dir():
        return folder
    if folder.exists() or str(source).count("/") != 1 or str(source).startswith((".", "/", "~")):
        raise BundleError(f"no bundle at {source}", "it is not a folder", "name a bundle folder or a Hub id owner/name")
    return _download(str(source), revision, token)


def lip_sync_in(folder: Path) -> Path | None:
    """The lip-sync net of a bundle's folder; None where there is none."""
    held = folder / LIP_SYNC
    return held if is_lip_sync(held) else None


def is_lip_sync(folder: Path) -> bool:
    """Whether a folder holds a net with its processor, as ``train.py sync`` writes it."""
    names = ("config.json", "model.safetensors", "preprocessor_config.json")
    return all((folder / name).is_file() for name in names)


def open_bundle(
    source: str | Path | None = None, revision: str | None = None, token: str | bool | None = None
) -> Bundle:
    """Find and check a bundle. Arguments as :func:`find_folder`.

    Raises:
        BundleError: Not there, incomplete, with pickles, or of a newer format.
    """
    folder = find_folder(source, revision, token)
    _refuse_pickles(folder)
    manifest = _read_manifest(folder)
    arrays = load_file(_need(folder, CALIBRATION))
    calibrations = {}
    for branch, kind in manifest["branches"].items():
        if kind not in _BRANCH_KINDS:
            raise BundleError(
                f"branch {branch!r} of {folder} cannot be used",
                f"its kind {kind!r} is not one of {', '.join(_BRANCH_KINDS)}",
                "leave it out: clips, landmark series and lip-sync pairs go with transformers, from the folder itself",
            )
        _need(folder / branch, "config.json")
        _need(folder / branch, "preprocessor_config.json")
        if not list((folder / branch).glob("*.safetensors")):
            raise BundleError(
                f"branch {branch!r} of {folder} has no weights",
                "there is no .safetensors file in its folder",
                "save the model with save_pretrained, or fetch the bundle again",
            )
        prefix = f"{branch}."
        own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        if not own:
            raise BundleError(
                f"branch {branch!r} of {folder} has no calibrator",
                f"{CALIBRATION} does not name it",
                "rebuild the bundle",
            )
        calibrations[branch] = BranchCalibration.from_arrays(own)
    landmarks = folder / manifest["landmarks"] if manifest.get("landmarks") else None
    return Bundle(
        path=folder,
        name=manifest["name"],
        branches=dict(manifest["branches"]),
        calibrations=calibrations,
        landmarks=landmarks,
        weights=manifest["weights"],
        sha256=bundle_hash(folder),
        manifest=manifest,
    )


def write_bundle(
    folder: Path,
    name: str,
    branches: dict[str, tuple[str, Path, BranchCalibration]],
    landmarks: Path | None,
    weights: str,
    extra: dict[str, Any],
    lip_sync: Path | None = None,
) -> Bundle:
    """Write a bundle from saved branch folders.

    Args:
        folder: where to; branch folders in it are replaced and a canary pair of other weights is removed, the rest is
            kept.
        name: stands in every result.
        branches: branch name to (kind, folder made by save_pretrained with its processor, calibration).
        landmarks: folder of the landmark regressor, or None.
        weights: ``trained`` or ``random``.
        extra: further facts for ``detector.json`` (data, figures, commands).
        lip_sync: folder of the lip-sync net; None keeps the one that is in the folder, if any.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CANARY).unlink(missing_ok=True)
    sources = {branch: path for branch, (_, path, _) in branches.items()}
    if landmarks is not None:
        sources["landmarks"] = landmarks
    if lip_sync is not None:
        sources[LIP_SYNC] = lip_sync
    for branch, source in sources.items():
        target = folder / branch
        if target.exists():
            shutil.rmtree(target)
        target.mkdir()
        for file in sorted(source.iterdir()):
            if file.suffix in (".json", ".safetensors") and file.name not in ("figures.json", "metrics.json"):
                shutil.copy(file, target / file.name)
    write_calibrations(folder, {branch: calibration for branch, (_, _, calibration) in branches.items()})
    points = {branch: calibration.operating_points for branch, (_, _, calibration) in branches.items()}
    manifest = {
        "format_version": FORMAT_VERSION,
        "library_version": __version__,
        "name": name,
        "weights": weights,
        "branches": {branch: kind for branch, (kind, _, _) in branches.items()},
        "landmarks": "landmarks" if landmarks is not None else None,
        "fusion": "sidak_rarest_voice",
        "operating_points": points,
        **extra,
    }
    write_json(folder / MANIFEST, manifest)
    write_root_config(folder)
    return open_bundle(folder)


def write_calibrations(folder: Path, calibrations: dict[str, BranchCalibration]) -> None:
    """Write the calibrations of all branches of a bundle."""
    arrays: dict[str, np.ndarray] = {}
    for branch, calibration in calibrations.items():
        arrays |= {f"{branch}.{key}": value for key, value in calibration.to_arrays().items()}
    save_file(arrays, folder / CALIBRATION)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """In the form that transformers gives its own files, so that a file which is read and written again stays equal."""
    path.write_text(json_text(content))


def json_text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def write_root_config(folder: Path) -> None:
    """The file by which ``transformers.pipeline("deepfake-detection", model=folder)`` knows a bundle."""
    write_json(folder / ROOT_CONFIG, {"model_type": MODEL_TYPE})


def bundle_hash(folder: Path, branch: str | None = None) -> str:
    """SHA-256 over the names and contents of all weights, graphs and configuration files, or of those of one branch.

    Left out is what says something about the weights or carries their code and does not change an answer: measured
    figures, canary pair, the bundle's own ``config.json`` and ``auto_map`` in a branch's. So a bundle keeps its label
    when it is packed. A branch's own hash says which weights were measured, whatever runs them: its graph is left out.
    """
    digest = hashlib.sha256()
    counted = (".safetensors", ".json", *([Path(GRAPH).suffix] if branch is None else []))
    for file in sorted((folder if branch is None else folder / branch).rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.suffix in counted and name not in _BESIDE_THE_WEIGHTS:
            digest.update(name.encode() + b"\0")
            digest.update(hashlib.sha256(without_auto_map(file)).digest())
    return digest.hexdigest()


def without_auto_map(file: Path) -> bytes:
    """A file's content, less what :func:`~deepfake_hf.hub.remote_code.export_code` has put into it."""
    content = file.read_bytes()
    if file.suffix == ".json" and b'"auto_map"' in content:
        plain = json.loads(content)
        plain.pop("auto_map", None)
        return json_text(plain).encode()
    return content


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = _need(folder, MANIFEST)
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} cannot be read", f"it is not JSON ({error})", "fetch the bundle again") from None
    missing = [key for key in ("format_version", "name", "weights", "branches") if key not in manifest]
    if missing:
        raise BundleError(f"{path} is incomplete", f"it lacks {', '.join(missing)}", "rebuild the bundle")
    if manifest["format_version"] > FORMAT_VERSION:
        raise BundleError(
            f"{path} is too new",
            f"its format is {manifest['format_version']}, this library reads {FORMAT_VERSION}",
            "update deepfake_hf",
        )
    if manifest["weights"] not in ("trained", "random"):
        raise BundleError(
            f"{path} does not say where its weights come from",
            "`weights` must be trained or random",
            "rebuild the bundle",
        )
    return manifest


def _need(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise BundleError(
            f"{folder} is not a detector bundle",
            f"it has no {name}",
            "name a folder made by this library, with detector.json, its branch folders and calibration.safetensors",
        )
    return path


def _refuse_pickles(folder: Path) -> None:
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in _PICKLES:
            raise BundleError(
                f"{folder} is refused",
                f"{file.relative_to(folder)} is of a kind that can run code when it is loaded",
                "convert it to safetensors and remove the file",
            )


def _download(repository: str, revision: str | None, token: str | bool | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        patterns = ["*.json", "*.safetensors", GRAPH, f"*/{GRAPH}", "*.md", SUMS]
        return Path(snapshot_download(repository, revision=revision, token=token, allow_patterns=patterns))
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        raise BundleError(
            f"the bundle {repository} could not be fetched",
            f"{type(error).__name__} from the Hub, and no folder of that name is here",
            "check the name, the network and your access, or give a local folder",
        ) from error
