"""What a scan was asked for: what can change an answer, which a results folder keeps, and what can't."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deepfake_hf._version import __version__
from deepfake_hf.errors import UsageError
from deepfake_hf.scan.schema import SCHEMA_VERSION
from deepfake_hf.scan.store import write_json_whole

if TYPE_CHECKING:
    from deepfake_hf.media import Limits, Sampling

ABOUT: Final = "about.json"


def sampling_of(every: int | None, fps: float | None, frames: int | None) -> Sampling | None:
    """What --every, --fps and --frames ask for; None for the default.

    Raises:
        UsageError: More than one was asked for.
    """
    from deepfake_hf.media import AtRate, EveryNth, Uniform

    if sum(option is not None for option in (every, fps, frames)) > 1:
        raise UsageError("--every, --fps and --frames", "they exclude each other", "give one of them")
    if every is not None:
        return EveryNth(every)
    if fps is not None:
        return AtRate(fps)
    return Uniform(frames) if frames is not None else None


def limits_of(max_minutes: float | None) -> Limits:
    """The limits in force."""
    from deepfake_hf.media import Limits

    return Limits() if max_minutes is None else Limits(max_duration_s=60 * max_minutes)


@dataclass(frozen=True)
class Settings:
    """Everything that can change an answer, in the units of the options of ``deepfake-hf detect``.

    ``device`` and ``threads`` change the last digits at most and are not kept.
    """

    bundle: str | None = None
    threshold: str = "fpr1"
    every: int | None = None
    fps: float | None = None
    frames: int | None = None
    runtime: str = "auto"
    max_minutes: float | None = None
    device: str | None = None
    threads: int = 1

    def weights(self) -> tuple[str, str]:
        """SHA-256 and label of the bundle, without loading its nets.

        Raises:
            BundleError: It is not there or cannot be used.
        """
        from deepfake_hf.hub.bundle import find_folder, is_third_party, open_bundle

        folder = find_folder(self.bundle)
        if is_third_party(folder):
            from deepfake_hf.hub.third_party import open_third_party

            held = open_third_party(folder, None)
        else:
            held = open_bundle(folder)
        return held.sha256, held.label

    def about(self) -> dict[str, Any]:
        """What a results folder keeps.

        Raises:
            UsageError: The sampling or the threshold cannot be used.
            BundleError: The bundle cannot be used.
        """
        from deepfake_hf.scoring.decision import parse_threshold

        sha256, label = self.weights()
        sampling = sampling_of(self.every, self.fps, self.frames)
        return {
            "format": "deepfake_hf scan",
            "schema_version": SCHEMA_VERSION,
            "library_version": __version__,
            "bundle_sha256": sha256,
            "weights": label,
            "operating_point": str(parse_threshold(self.threshold)),
            "sampling": "default" if sampling is None else str(sampling),
            "runtime": self.runtime,
            "max_minutes": self.max_minutes,
        }


def keep_or_refuse(folder: Path, about: dict[str, Any]) -> None:
    """Write what a folder's results are of, or compare with what stands there.

    Raises:
        UsageError: The folder holds results of other settings, or something else.
    """
    path = folder / ABOUT
    mend = "name another folder for these, or give the same options as before"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            if any(not one.name.startswith(".") for one in folder.iterdir()):
                raise UsageError(f"{folder} is not used", f"it holds other files and no {ABOUT}", "name a new folder")
            write_json_whole(path, about)
            return
        held = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{folder} cannot be used", str(error), "name another folder") from None
    except ValueError as error:
        raise UsageError(f"{path} cannot be read", f"it is no JSON ({error})", "name another folder") from None
    other = [f"{name} {held.get(name)}, not {value}" for name, value in about.items() if held.get(name) != value]
    if other:
        raise UsageError(f"{folder} cannot be gone on with", f"its results are of {'; '.join(other)}", mend)
