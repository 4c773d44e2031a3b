"""What a bundle's folders become in memory: the branches that score, and the landmark regressor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safetensors import SafetensorError

from deepfake_hf.errors import BundleError, UsageError
from deepfake_hf.hub.bundle import FACES, Bundle
from deepfake_hf.hub.graphs import graph_beside
from deepfake_hf.inference.face_graph import FaceGraph
from deepfake_hf.inference.onnx_model import OnnxModel
from deepfake_hf.inference.scorers import CropScorer, SoundScorer

if TYPE_CHECKING:
    from deepfake_hf.inference.landmarks import LandmarkFinder

AUTO: Final = "auto"
RUNTIMES: Final = (AUTO, "torch", "onnx")


class Branches:
    """What a bundle holds, each None where it has none. torch is loaded only with what runs on it.

    Where a graph takes the place of the face net by the runtime ``auto``, speech and landmarks are loaded when they are
    first asked for, so that a picture never waits for torch; else everything is loaded at once, and what is wrong with
    it is said at once.

    Args:
        bundle: or a third-party classifier, which is its one branch.
        device: by name, as ``inference.device.name_of_device`` gives it.
        runtime: one of ``RUNTIMES``; ``auto`` takes the graph beside the face weights on a CPU, and torch for the rest.

    Attributes:
        runtime: what runs: ``torch``, or which branches onnxruntime runs, and in which numbers.
        label: names the weights and what else than torch runs them.

    Raises:
        BundleError: The weights cannot be loaded, or a graph is not theirs. Later also on asking for a branch.
        UsageError: The runtime can't be used.
    """

    def __init__(self, bundle: Bundle, device: str, runtime: str) -> None:
        self.bundle, self.device = bundle, device
        with _loading(bundle):
            self._graphs = _graphs(bundle, device, runtime)
        ran = ", ".join(f"{branch} {graph.facts['numbers']}" for branch, graph in self._graphs.items())
        self.runtime = f"onnx ({ran})" if ran else "torch"
        self.label = f"{bundle.label} {self.runtime}" if ran else bundle.label
        if runtime == AUTO and ran:
            _ = self.face
        else:
            self.load()

    def load(self) -> None:
        """Everything. Raises: BundleError: Something cannot be loaded."""
        _ = self.face, self.speech, self.landmarks

    @cached_property
    def face(self) -> CropScorer | None:
        folder, graph = self._folder("face"), self._graphs.get("face")
        if folder is None:
            return None
        with _loading(self.bundle):
            if graph is not None:
                return FaceGraph(folder, graph)
            import torch

            if self.bundle.meaning is not None:
                from deepfake_hf.inference.third_party import ThirdPartyImages

                return ThirdPartyImages(folder, self.bundle.meaning, torch.device(self.device))
            from deepfake_hf.inference.branch import FrameBranch

            return FrameBranch(folder, torch.device(self.device))

    @cached_property
    def speech(self) -> SoundScorer | None:
        folder = self._folder("speech")
        if folder is None:
            return None
        with _loading(self.bundle):
            import torch

            if self.bundle.meaning is not None:
                from deepfake_hf.inference.third_party import ThirdPartySounds

                return ThirdPartySounds(folder, self.bundle.meaning, torch.device(self.device))
            from deepfake_hf.inference.branch import SpeechBranch

            return SpeechBranch(folder, torch.device(self.device), self._graphs.get("speech"))

    @cached_property
    def landmarks(self) -> LandmarkFinder | None:
        if self.bundle.landmarks is None:
            return None
        with _loading(self.bundle):
            import torch

            from deepfake_hf.inference.landmarks import LandmarkFinder

            return LandmarkFinder(self.bundle.landmarks, torch.device(self.device))

    def _folder(self, branch: str) -> Path | None:
        if branch not in self.bundle.branches:
            return None
        return self.bundle.path if self.bundle.meaning is not None else self.bundle.path / branch


@contextmanager
def _loading(bundle: Bundle) -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError, RuntimeError, SafetensorError) as error:
        raise BundleError(
            f"the weights in {bundle.path} cannot be loaded", str(error).rstrip("."), "fetch or build the bundle again"
        ) from error


def _graphs(bundle: Bundle, device: str, runtime: str) -> dict[str, OnnxModel]:
    """By branch; none for the runtime torch."""
    if runtime not in RUNTIMES:
        raise UsageError(f"runtime {runtime!r}", "it is unknown", "say auto, torch or onnx")
    on_cpu = device.partition(":")[0] == "cpu"
    if runtime == "onnx":
        if bundle.meaning is not None:
            raise UsageError("runtime onnx", f"{bundle.path} is a third party's model", "run it with torch")
        if not on_cpu:
            raise UsageError(
                f"runtime onnx on {device}", "it runs on the CPU only", "leave the device out, or use torch"
            )
        from deepfake_hf.hub.onnx_files import exportable, graph_of

        return {branch: graph_of(bundle.path / branch) for branch in exportable(bundle.branches)}
    if runtime == AUTO and on_cpu and bundle.meaning is None and bundle.branches.get("face") == FACES:
        graph = graph_beside(bundle.path / "face")
        if graph is not None and graph.facts["numbers"] == "float32":  # int8 answers otherwise: it has to be asked for
            return {"face": graph}
    return {}
