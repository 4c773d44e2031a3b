"""The JSON Schema of a result, generated from the dataclasses so that the two can't part."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from deepfake_hf.types import RESULT_SCHEMA_VERSION, DetectionResult


def result_schema() -> dict[str, Any]:
    """The schema of ``DetectionResult.to_dict()``, JSON Schema 2020-12."""
    schema = TypeAdapter(DetectionResult).json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"deepfake_hf result {RESULT_SCHEMA_VERSION}",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def result_schema_text() -> str:
    """The same as indented text."""
    return json.dumps(result_schema(), indent=2)
