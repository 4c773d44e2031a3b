"""The task ``deepfake-detection`` of ``transformers.pipeline``: any medium in, the facade's result out.

    import deepfake_hf.pipelines
    from transformers import pipeline

    detect = pipeline("deepfake-detection", model="a bundle's folder or Hub id")  # without a model: those in the box
    detect("clip.mp4")["verdict"]

The stock tasks work on a single branch folder and take what its model takes: ``image-classification`` a cropped face,
``audio-classification`` plain sound. This one takes whole media: it finds the faces, and the sound inside an mp4.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, Pipeline, PretrainedConfig
from transformers.pipelines import PIPELINE_REGISTRY

from deepfake_hf.detector import Detector, Medium
from deepfake_hf.errors import UsageError
from deepfake_hf.faces import load_face_detector
from deepfake_hf.hub.bundle import EMBEDDED, MODEL_TYPE, open_bundle
from deepfake_hf.inference.device import name_of_device
from deepfake_hf.media import Limits, Sampling
from deepfake_hf.types import DetectionResult

TASK = "deepfake-detection"


class BundleConfig(PretrainedConfig):
    """A bundle's own ``config.json``: it says only that the folder is a bundle."""

    model_type = MODEL_TYPE


class BundleModel(nn.Module):
    """A :class:`~deepfake_hf.detector.Detector` where transformers expects a model."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector
        self.config = BundleConfig()

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        revision: str | None = None,
        token: str | bool | None = None,
        dtype: torch.dtype | str = "auto",
        **offered: Any,
    ) -> BundleModel:
        """As :func:`deepfake_hf.hub.bundle.open_bundle`.

        Args:
            source: a folder or Hub id.
            revision: branch, tag or commit.
            token: for the Hub.
            dtype: ``auto`` or float32: verdicts and limits were measured in it.
            offered: what transformers hands to every model; only what has no effect may be in it.

        Raises:
            UsageError: Another dtype or an option that a bundle has not.
        """
        if dtype not in ("auto", torch.float32):
            raise UsageError(f"dtype {dtype}", "a bundle runs in float32, in which its limits hold", "leave it out")
        asked = {name for name, value in offered.items() if value and name not in ("config", "_from_pipeline")}
        if asked - {"trust_remote_code"}:
            raise UsageError(f"the options {sorted(asked)}", "a bundle has none of these", "leave them out")
        bundle = open_bundle(source, revision, token)
        return cls(Detector(bundle, name_of_device(), load_face_detector("centerface"), Limits()))

    @property
    def device(self) -> torch.device:
        return self.detector.device

    def to(self, device: Any) -> BundleModel:  # type: ignore[override]
        """Load the same bundle on another device."""
        held = self.detector
        self.detector = Detector(held.bundle, name_of_device(str(device)), held.face_detector, held.limits)
        return self

    @staticmethod
    def can_generate() -> bool:
        return False


class DeepfakeDetectionPipeline(Pipeline):
    """Takes what :meth:`~deepfake_hf.detector.Detector.detect` takes, or a list of it; gives ``result.to_dict()``.

    ``sampling`` and ``threshold`` are ``detect``'s, at the call or when the pipeline is made. A medium that can't be
    read or scored gives a result with a status and a reason.
    """

    _load_processor = False
    _load_image_processor = False
    _load_video_processor = False
    _load_feature_extractor = False
    _load_tokenizer = False

    def _sanitize_parameters(
        self, sampling: Sampling | None = None, threshold: str | float | None = None
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        given = {"sampling": sampling, "threshold": threshold}
        return {}, {name: value for name, value in given.items() if value is not None}, {}

    def preprocess(self, input_: Medium, **parameters: Any) -> dict[str, Any]:
        return {"medium": input_}

    def _forward(self, input_tensors: dict[str, Any], **options: Any) -> DetectionResult:
        result: DetectionResult = self.model.detector.detect(input_tensors["medium"], **options)
        return result

    def postprocess(self, model_outputs: DetectionResult, **parameters: Any) -> dict[str, Any]:
        return model_outputs.to_dict()


AutoConfig.register(MODEL_TYPE, BundleConfig, exist_ok=True)
PIPELINE_REGISTRY.register_pipeline(
    TASK,
    pipeline_class=DeepfakeDetectionPipeline,
    pt_model=BundleModel,
    default={"model": (str(EMBEDDED), "main")},
    type="multimodal",
)
