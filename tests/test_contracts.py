"""Labels, errors and the result."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake_hf.errors import DeepfakeHFError, LabelError
from deepfake_hf.labels import FAKE, REAL, check_polarity, label_from_word, polarity_map
from deepfake_hf.report.schema import result_schema
from deepfake_hf.types import DetectionResult, MediaKind, OperatingBand, Segment, Status, Verdict, WindowScore


def result(**changes: object) -> DetectionResult:
    values: dict[str, object] = {
        "path": "a.mp4", "status": Status.SCORED, "verdict": Verdict.FAKE, "p_fake": 0.987654321, "reason": "why",
        "kind": MediaKind.VIDEO, "duration_s": 3.00049, "interval": (0.9, 0.99), "coverage": 1.0,
        "band": OperatingBand("fpr1", 0.9, 0.5), "branches": (), "tracks": (),
        "windows": (WindowScore(0.0, 0.25, "face", 0, 4.321234567, 0.98, (1.00001, 2.0, 3.0, 4.0)),),
        "segments": (Segment(0.0, 1.0, "face", 0, 0.98),), "rule": "rule", "sha256": "0" * 64, "weights": "w",
        "versions": {"deepfake_hf": "0"},
    }  # fmt: skip
    return DetectionResult(**{**values, **changes})  # type: ignore[arg-type]


def test_result_is_json_rounded_and_fits_its_schema() -> None:
    plain = json.loads(json.dumps(result().to_dict()))
    assert plain["p_fake"] == 0.9877 and plain["duration_s"] == 3.0 and plain["verdict"] == "fake"
    jsonschema.Draft202012Validator(result_schema()).validate(plain)


def test_schema_refuses_a_wrong_result() -> None:
    plain = json.loads(json.dumps(result().to_dict()))
    plain["verdict"] = "maybe"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(result_schema()).validate(plain)


def test_an_abstention_fits_the_schema() -> None:
    blank = result(status=Status.NO_FACE, verdict=None, p_fake=None, interval=None, band=None, windows=(), segments=())
    jsonschema.Draft202012Validator(result_schema()).validate(json.loads(json.dumps(blank.to_dict())))


@pytest.mark.parametrize(("word", "label"), [("REAL", REAL), ("bonafide", REAL), ("spoof", FAKE), (" Fake ", FAKE)])
def test_words(word: str, label: int) -> None:
    assert label_from_word(word) == label


def test_imagefolder_polarity_is_turned_by_name() -> None:
    assert polarity_map(["fake", "real"]) == {0: FAKE, 1: REAL}


@given(st.text(min_size=1, max_size=8))
def test_unknown_words_are_never_guessed(word: str) -> None:
    try:
        assert label_from_word(word) in (REAL, FAKE)
    except LabelError as error:
        assert error.mend


def test_polarity_is_refused_when_swapped_or_missing() -> None:
    check_polarity({0: "real", 1: "fake"})
    for wrong in ({0: "fake", 1: "real"}, {0: "LABEL_0", 1: "LABEL_1"}, {}):
        with pytest.raises(LabelError, match="real"):
            check_polarity(wrong)


def test_errors_say_what_why_and_how_to_mend() -> None:
    error = DeepfakeHFError("a.mp4", "it is empty", "copy it again")
    assert str(error) == "a.mp4: it is empty. Copy it again."
