"""Data: the manifest and what makes, splits, audits and crops it."""

from deepfake_hf.data.manifest import (
    COLUMNS,
    SPLITS,
    ManifestRow,
    check_rows,
    missing_files,
    read_manifest,
    row_from_fields,
    write_manifest,
)

__all__ = [
    "COLUMNS",
    "SPLITS",
    "ManifestRow",
    "check_rows",
    "missing_files",
    "read_manifest",
    "row_from_fields",
    "write_manifest",
]
