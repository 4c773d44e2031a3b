"""From a run of ``train.py sync`` to the lip-sync net of a bundle: half the size, read back in single precision."""

from __future__ import annotations

from pathlib import Path

from deepfake_hf.errors import UsageError
from deepfake_hf.hub.bundle import is_lip_sync
from deepfake_hf.models.modeling_syncnet import SyncNetModel
from deepfake_hf.processing.feature_extraction_lip_sync import LipSyncFeatureExtractor


def publish_sync(run: Path, out: Path) -> int:
    """Save the best weights of a run in half precision, with their processor.

    Args:
        run: Run folder of the stage ``sync``.
        out: The folder ``sync`` of a bundle.

    Returns:
        Bytes of the weights.

    Raises:
        UsageError: There is no such run.
    """
    if not is_lip_sync(run / "model"):
        raise UsageError(f"{run} is no finished run of train.py sync", "model/ in it is not whole", "name its --out")
    SyncNetModel.from_pretrained(run / "model").half().save_pretrained(out)
    LipSyncFeatureExtractor.from_pretrained(run / "model").save_pretrained(out)
    return (out / "model.safetensors").stat().st_size
