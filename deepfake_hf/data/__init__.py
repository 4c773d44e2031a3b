"""Data: the manifest and what makes, splits, audits and crops it."""

from deepfake_hf.data.audit import AuditLimits, AuditReport, Finding, Outcome, audit
from deepfake_hf.data.crops import CropOutcome, CropPlan, CropReport, extract_faces
from deepfake_hf.data.manifest import (
    COLUMNS,
    SPLITS,
    ManifestRow,
    check_rows,
    missing_files,
    present_rows,
    read_manifest,
    row_from_fields,
    write_manifest,
)
from deepfake_hf.data.prepare import (
    LAYOUTS,
    PrepareConfig,
    Prepared,
    SetConfig,
    SplitConfig,
    parse_config,
    prepare,
    read_config,
)
from deepfake_hf.data.probes import ProbeScore, probe_score
from deepfake_hf.data.splits import SPLIT_BY, SplitPlan, assign_splits, carve_validation, groups, shared_across_splits
from deepfake_hf.data.traces import Traces, measure, perceptual_hash

__all__ = [
    "COLUMNS",
    "LAYOUTS",
    "SPLITS",
    "SPLIT_BY",
    "AuditLimits",
    "AuditReport",
    "CropOutcome",
    "CropPlan",
    "CropReport",
    "Finding",
    "ManifestRow",
    "Outcome",
    "PrepareConfig",
    "Prepared",
    "ProbeScore",
    "SetConfig",
    "SplitConfig",
    "SplitPlan",
    "Traces",
    "assign_splits",
    "audit",
    "carve_validation",
    "check_rows",
    "extract_faces",
    "groups",
    "measure",
    "missing_files",
    "present_rows",
    "parse_config",
    "perceptual_hash",
    "prepare",
    "probe_score",
    "read_config",
    "read_manifest",
    "row_from_fields",
    "shared_across_splits",
    "write_manifest",
]
