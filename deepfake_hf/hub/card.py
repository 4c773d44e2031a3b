"""The model card, rendered from a bundle's figures and nothing else, with a model-index that the Hub reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import jinja2
from huggingface_hub import EvalResult, ModelCardData

from deepfake_hf._version import __version__
from deepfake_hf.errors import BundleError
from deepfake_hf.hub.bundle import CANARY, Bundle

FIGURES: Final = "figures.json"
CARD: Final = "README.md"
TERMS: Final = "TERMS.md"
LIBRARY_TAGS: Final = ("deepfake-detection", "deepfake-hf")
_TASKS: Final = {
    "frame": "image-classification",
    "audio": "audio-classification",
    "waveform": "audio-classification",
    "statistics": "audio-classification",
}
_METRICS: Final = {
    "auc": ("roc_auc", "AUC"),
    "eer": ("eer", "Equal error rate"),
    "tpr_at_fpr5": ("tpr", "Fakes found at FPR 5 %"),
    "tpr_at_fpr1": ("tpr", "Fakes found at FPR 1 %"),
    "ece": ("ece", "Expected calibration error, 15 bins"),
    "brier": ("brier_score", "Brier score"),
    "log_loss": ("log_loss", "Log loss"),
}
_FULL: Final = frozenset({"face", "speech", "landmarks", "whole_media", "unseen", "calibration", "perturbed"})


def read_figures(bundle: Bundle) -> dict[str, Any]:
    """``figures.json``: by branch what was measured, and ``card`` for the front matter; empty where there is none.

    Raises:
        BundleError: It is not JSON.
    """
    path = bundle.path / FIGURES
    try:
        figures: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    except ValueError as error:
        raise BundleError(f"{path} cannot be read", f"it is not JSON ({error})", "measure again") from None
    return figures


def note_figures(bundle: Bundle, **measured: Any) -> None:
    """Write figures into ``figures.json``, each under its name in place of what stood there.

    Raises:
        BundleError: It holds something that is not JSON.
    """
    figures = {**read_figures(bundle), **measured}
    (bundle.path / FIGURES).write_text(json.dumps(figures, indent=2) + "\n")


def front_matter(bundle: Bundle) -> str:
    """The card's YAML, without its ``---``: licence, tags, data sets and a model-index of the measured figures.

    ``figures.json`` may hold ``card``: ``{"licence": …, "datasets": [Hub ids], "tags": […]}``. A bundle with
    ``TERMS.md`` points there instead of naming a licence.

    Raises:
        BundleError: There is neither ``TERMS.md`` nor a licence.

    Source: https://huggingface.co/docs/hub/model-cards (the metadata's names).
    """
    figures = read_figures(bundle)
    facts = figures.get("card", {})
    licence: dict[str, Any] = {"license": facts.get("licence")}
    if (bundle.path / TERMS).is_file():
        licence = {"license": "other", "license_name": f"{bundle.name.replace('_', '-')}-terms", "license_link": TERMS}
    elif not licence["license"]:
        raise BundleError(
            f"no card for {bundle.path}", "its licence is not known", f"pack it with --licence, or add {TERMS}"
        )
    tasks = [_TASKS[kind] for kind in bundle.branches.values()]
    data = ModelCardData(
        **licence,
        library_name="transformers",
        pipeline_tag=tasks[0],
        tags=[*LIBRARY_TAGS, *tasks, *facts.get("tags", [])],
        datasets=facts.get("datasets") or None,
        model_name=bundle.name,
        eval_results=_results(bundle, figures) or None,
    )
    return str(data.to_yaml())


def _results(bundle: Bundle, figures: dict[str, Any]) -> list[EvalResult]:
    results = []
    for branch, kind in bundle.branches.items():
        measured = figures.get(branch, {})
        places: list[tuple[str, str, dict[str, Any]]] = [(branch, measured.get("data", "not named"), measured)]
        left_out = measured.get("leave_one_generator_out", {})
        if "mean_eer" in left_out:
            name = "each generator left out of training in turn, mean"
            places.append((f"{branch}-left-out", name, {"eer": left_out["mean_eer"]}))
        for config, name, row in places:
            results += [
                EvalResult(
                    task_type=_TASKS[kind],
                    dataset_type="other",
                    dataset_name=name,
                    dataset_config=config,
                    metric_type=metric,
                    metric_name=title,
                    metric_value=round(row[key], 4),
                )
                for key, (metric, title) in _METRICS.items()
                if key in row
            ]
    return results


def render_card(bundle: Bundle) -> str:
    """Fill the template of the bundle in the box.

    Args:
        bundle: with ``figures.json``, as ``train.py bundle`` and ``train.py results`` write it.

    Raises:
        BundleError: The bundle has no figures, or lacks one that the card needs.
    """
    figures = read_figures(bundle)
    if not figures:
        raise BundleError(f"no card for {bundle.path}", f"it has no {FIGURES}", "make the bundle with train.py bundle")
    try:
        return _fill(
            "model_card.md.jinja",
            bundle,
            face=figures["face"],
            speech=figures["speech"],
            loo=figures["speech"]["leave_one_generator_out"],
            landmarks=figures["landmarks"],
            whole=figures["whole_media"],
            unseen=figures["unseen"],
            calibration=figures["calibration"],
            perturbed=figures["perturbed"],
            recipe=figures["face"]["recipe"],
        )
    except (KeyError, jinja2.UndefinedError) as error:
        raise BundleError(f"no card for {bundle.path}", f"a figure is missing ({error})", "measure it first") from None


def write_card(bundle: Bundle) -> None:
    """Write the card of any bundle into it: the full one where all its figures are there, else the short one."""
    figures = read_figures(bundle)
    if figures.keys() >= _FULL:
        text = render_card(bundle)
    else:
        rows = {
            branch: {title: figures[branch][key] for key, (_, title) in _METRICS.items() if key in figures[branch]}
            for branch in bundle.branches
            if branch in figures
        }
        text = _fill("bundle_card.md.jinja", bundle, figures=figures, rows=rows, points=_points(bundle))
    (bundle.path / CARD).write_text(text)


def _points(bundle: Bundle) -> dict[str, dict[str, float]]:
    return {branch: calibration.operating_points for branch, calibration in bundle.calibrations.items()}


def _fill(template: str, bundle: Bundle, **values: Any) -> str:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    size = sum(file.stat().st_size for file in bundle.path.rglob("*.safetensors") if file.name != CANARY)
    return environment.from_string((Path(__file__).parent / template).read_text()).render(
        front_matter=front_matter(bundle),
        name=bundle.name,
        version=__version__,
        weights=bundle.weights,
        sha256=bundle.sha256,
        size_mb=size / 1e6,
        branches=bundle.branches,
        **values,
    )
