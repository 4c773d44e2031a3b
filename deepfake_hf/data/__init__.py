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
from deepfake_hf.data.splits import SPLIT_BY, SplitPlan, assign_splits, carve_validation, groups, shared_across_splits

__all__ = [
    "COLUMNS",
    "SPLITS",
    "SPLIT_BY",
    "ManifestRow",
    "SplitPlan",
    "assign_splits",
    "carve_validation",
    "check_rows",
    "groups",
    "missing_files",
    "read_manifest",
    "row_from_fields",
    "shared_across_splits",
    "write_manifest",
]
