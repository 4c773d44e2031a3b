"""A graph whose weights are those of the safetensors file beside it: stored once, read by torch and onnxruntime alike.

ONNX lets a graph's initialisers lie in another file, at an offset. A safetensors file is eight bytes with the length of
its header, the header (JSON: type, shape and offsets of each tensor), and the tensors as plain little-endian numbers:
what ONNX asks for.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import onnx

from deepfake_hf.errors import BundleError

WEIGHTS: Final = "model.safetensors"
_MODEL: Final = "model."  # what the export puts before a tensor's name
_TYPES: Final = {"F32": onnx.TensorProto.FLOAT, "I64": onnx.TensorProto.INT64}
_LENGTH_BYTES: Final = 8


def share_weights(path: Path, weights: Path) -> int:
    """Rewrite a graph that holds its weights so that it refers to a safetensors file.

    What is in that file under another value, or not at all (a few constants), stays in the graph. What the exporter
    noted of its source code goes: it is most of the rest.

    Args:
        path: of the graph.
        weights: named ``model.safetensors``; the graph works in its folder only.

    Returns:
        How many bytes of numbers stay in the graph.
    """
    model = onnx.load(path)
    stored, content = _tensors(weights), weights.read_bytes()
    inside = 0
    for tensor in model.graph.initializer:
        held = stored.get(tensor.name.removeprefix(_MODEL))
        raw = onnx.numpy_helper.to_array(tensor).tobytes()
        if held is None or not _fits(tensor, held) or content[held["start"] : held["end"]] != raw:
            inside += len(raw)
            continue
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
        tensor.ClearField("int64_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        place = {"location": WEIGHTS, "offset": held["start"], "length": held["end"] - held["start"]}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.initializer):
        part.ClearField("metadata_props")
    path.write_bytes(model.SerializeToString(deterministic=True))
    return inside


def check_weights(path: Path) -> None:
    """Hold a graph's references against the header of the file beside it.

    Raises:
        BundleError: The graph cannot be read, or a reference leads to no tensor, to another, or to one of another shape
            or type.
    """
    mend = "fetch the bundle again, or export the graph again with deepfake-hf export onnx"
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's and onnx's own classes have no common base
        raise BundleError(f"{path} cannot be loaded", f"it is no ONNX graph ({type(error).__name__})", mend) from None
    outside = [one for one in model.graph.initializer if one.data_location == onnx.TensorProto.EXTERNAL]
    if not outside:
        return
    weights = path.with_name(WEIGHTS)
    stored = _tensors(weights)
    for tensor in outside:
        place = {entry.key: entry.value for entry in tensor.external_data}
        held = stored.get(tensor.name.removeprefix(_MODEL))
        if place.get("location") != WEIGHTS:
            why = f"{tensor.name} lies in {place.get('location')!r}, not in {WEIGHTS}"
        elif held is None:
            why = f"{WEIGHTS} has no {tensor.name.removeprefix(_MODEL)}"
        elif not _fits(tensor, held):
            why = f"{tensor.name} is {list(tensor.dims)} in the graph, and {held['shape']} of {held['dtype']} beside it"
        elif (place.get("offset"), place.get("length")) != (str(held["start"]), str(held["end"] - held["start"])):
            why = f"{tensor.name} is looked for at byte {place.get('offset')} and lies at {held['start']}"
        elif held["end"] > weights.stat().st_size:
            why = f"{WEIGHTS} ends before {tensor.name} does"
        else:
            continue
        raise BundleError(f"{path} does not fit the weights beside it", why, mend)


def _fits(tensor: onnx.TensorProto, held: dict[str, Any]) -> bool:
    return list(tensor.dims) == held["shape"] and tensor.data_type == _TYPES.get(held["dtype"])


def _tensors(weights: Path) -> dict[str, dict[str, Any]]:
    """``dtype``, ``shape``, ``start`` and ``end`` (bytes of the file) by name."""
    try:
        with weights.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            header = json.loads(file.read(min(length, weights.stat().st_size)))
        first = _LENGTH_BYTES + length
        return {
            name: {**held, "start": first + held["data_offsets"][0], "end": first + held["data_offsets"][1]}
            for name, held in header.items()
            if name != "__metadata__"
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(
            f"{weights} cannot be read", f"it is no safetensors file ({type(error).__name__})", "fetch the bundle again"
        ) from None
