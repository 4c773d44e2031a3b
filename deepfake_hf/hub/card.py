"""The model card, rendered from a bundle's measured figures and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2

from deepfake_hf._version import __version__
from deepfake_hf.errors import BundleError
from deepfake_hf.hub.bundle import Bundle

FIGURES = "figures.json"


def render_card(bundle: Bundle) -> str:
    """Fill the template.

    Args:
        bundle: with ``figures.json``, as ``train.py bundle`` writes it.

    Raises:
        BundleError: The bundle has no figures, or lacks one that the card needs.
    """
    path = bundle.path / FIGURES
    if not path.is_file():
        raise BundleError(f"no card for {bundle.path}", f"it has no {FIGURES}", "make the bundle with train.py bundle")
    figures: dict[str, Any] = json.loads(path.read_text())
    template = (Path(__file__).parent / "model_card.md.jinja").read_text()
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    size = sum(file.stat().st_size for file in bundle.path.rglob("*.safetensors"))
    try:
        return environment.from_string(template).render(
            name=bundle.name,
            version=__version__,
            weights=bundle.weights,
            sha256=bundle.sha256,
            size_mb=size / 1e6,
            face=figures["face"],
            speech=figures["speech"],
            loo=figures["speech"]["leave_one_generator_out"],
            landmarks=figures["landmarks"],
            whole=figures["whole_media"],
            recipe=figures["face"]["recipe"],
        )
    except (KeyError, jinja2.UndefinedError) as error:
        raise BundleError(f"no card for {bundle.path}", f"a figure is missing ({error})", "measure it first") from None
