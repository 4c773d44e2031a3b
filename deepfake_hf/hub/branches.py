"""What a bundle's folders become in memory: the branches that score, and the landmark regressor."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from safetensors import SafetensorError

from deepfake_hf.errors import BundleError, UsageError
from deepfake_hf.hub.bundle import Bundle
from deepfake_hf.hub.onnx_files import exportable, graph_of
from deepfake_hf.inference.branch import CropScorer, FrameBranch, SoundScorer, SpeechBranch
from deepfake_hf.inference.landmarks import LandmarkFinder
from deepfake_hf.inference.onnx_model import OnnxModel
from deepfake_hf.inference.third_party import ThirdPartyImages, ThirdPartySounds


@dataclass(frozen=True)
class Branches:
    """Each None where the bundle has none; ``label`` names the weights and what runs them."""

    face: CropScorer | None
    speech: SoundScorer | None
    landmarks: LandmarkFinder | None
    label: str


def load_branches(bundle: Bundle, device: torch.device, runtime: str) -> Branches:
    """Load what a bundle holds.

    Args:
        bundle: or a third-party classifier, which is its one branch.
        device: of torch.
        runtime: ``torch`` or ``onnx``.

    Raises:
        BundleError: The weights cannot be loaded.
        UsageError: The runtime can't be used.
    """
    try:
        graphs = _graphs(bundle, device, runtime)
        face, speech = _scorers(bundle, device, graphs)
        landmarks = LandmarkFinder(bundle.path / "landmarks", device) if bundle.landmarks else None
    except (ValueError, OSError, RuntimeError, SafetensorError) as error:
        raise BundleError(
            f"the weights in {bundle.path} cannot be loaded", str(error).rstrip("."), "fetch or build the bundle again"
        ) from error
    ran = ", ".join(f"{branch} {graph.facts['numbers']}" for branch, graph in graphs.items())
    return Branches(face, speech, landmarks, f"{bundle.label} onnx ({ran})" if ran else bundle.label)


def _graphs(bundle: Bundle, device: torch.device, runtime: str) -> dict[str, OnnxModel]:
    """By branch; none for the runtime torch."""
    if runtime == "torch":
        return {}
    if runtime != "onnx":
        raise UsageError(f"runtime {runtime!r}", "it is unknown", "say torch or onnx")
    if bundle.meaning is not None:
        raise UsageError("runtime onnx", f"{bundle.path} is a third party's model", "run it with torch")
    if device.type != "cpu":
        raise UsageError(f"runtime onnx on {device}", "it runs on the CPU only", "leave the device out, or use torch")
    return {branch: graph_of(bundle.path / branch) for branch in exportable(bundle.branches)}


def _scorers(
    bundle: Bundle, device: torch.device, graphs: dict[str, OnnxModel]
) -> tuple[CropScorer | None, SoundScorer | None]:
    if bundle.meaning is not None:
        if "face" in bundle.branches:
            return ThirdPartyImages(bundle.path, bundle.meaning, device), None
        return None, ThirdPartySounds(bundle.path, bundle.meaning, device)
    face = FrameBranch(bundle.path / "face", device, graphs.get("face")) if "face" in bundle.branches else None
    speech = SpeechBranch(bundle.path / "speech", device, graphs.get("speech")) if "speech" in bundle.branches else None
    return face, speech
