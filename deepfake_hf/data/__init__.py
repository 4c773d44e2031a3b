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
from deepfake_hf.data.prepare import LAYOUTS, PrepareConfig, Prepared, SetConfig, SplitConfig, prepare, read_config
from deepfake_hf.data.splits import SPLIT_BY, SplitPlan, assign_splits, carve_validation, groups, shared_across_splits

__all__ = [
    "COLUMNS",
    "LAYOUTS",
    "SPLITS",
    "SPLIT_BY",
    "ManifestRow",
    "PrepareConfig",
    "Prepared",
    "SetConfig",
    "SplitConfig",
    "SplitPlan",
    "assign_splits",
    "carve_validation",
    "check_rows",
    "groups",
    "missing_files",
    "prepare",
    "read_config",
    "read_manifest",
    "row_from_fields",
    "shared_across_splits",
    "write_manifest",
]
