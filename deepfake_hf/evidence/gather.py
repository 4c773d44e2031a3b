"""All evidence that a file gives beside its faces and voices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from deepfake_hf.errors import MediaError
from deepfake_hf.evidence.compression import compression_finding
from deepfake_hf.evidence.container import container_findings
from deepfake_hf.evidence.provenance import c2pa_finding, exif_finding
from deepfake_hf.media import Limits, probe
from deepfake_hf.media.signature import Signature, check_file, signature_of
from deepfake_hf.types import Finding


def gather(path: Path, limits: Limits | None = None) -> tuple[Finding, ...]:
    """Provenance, container and compression findings of one file.

    A file that cannot be read gives one finding that says why; a part that fails gives one of its own.

    Args:
        path: A medium.
        limits: As in the analysis.
    """
    limits = limits or Limits()
    try:
        info = probe(path, limits)
        _, head = check_file(path, limits)
        still = signature_of(str(path), head) is Signature.PICTURE
    except MediaError as error:
        return (Finding("container", "File", None, None, "", "", abstained=error.why),)
    found = [c2pa_finding(path)]
    if still:
        found += _safely("EXIF and text", "provenance", lambda: [exif_finding(path, limits)])
    else:
        found += _safely("Container", "container", partial(container_findings, path))
    found += _safely("Earlier compression", "compression", lambda: [compression_finding(path, info, limits)])
    return tuple(found)


def _safely(title: str, kind: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """One part that cannot read the file takes no other with it."""
    try:
        return list(look())
    except MediaError as error:
        return [Finding(kind, title, None, None, "", "", abstained=error.why)]
