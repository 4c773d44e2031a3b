"""One file to one outcome, inside a worker: fetch, hash, ask whether the content is new, detect."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from deepfake_hf.errors import DeepfakeHFError, MediaError, UnsupportedMediaError
from deepfake_hf.media.hashing import sha256_of
from deepfake_hf.scan.remote import is_remote, local_file, said
from deepfake_hf.scan.schema import Row, answer, failure
from deepfake_hf.scan.settings import Settings, limits_of, sampling_of
from deepfake_hf.types import DetectionResult, Status

# path and, where it is known, its SHA-256
Predict = Callable[[str, str | None], DetectionResult]
Load = Callable[[], Predict]
Claim = Callable[[str, int], bool]
# path, sha256, size_bytes, and table and row; or, where another file of the same content answers, neither of them
Outcome = dict[str, Any]


def load_detector(settings: Settings) -> Predict:
    """The public detector, as ``deepfake-hf detect`` makes it.

    Raises:
        DeepfakeHFError: The bundle or an option cannot be used.
    """
    from deepfake_hf.detector import Detector
    from deepfake_hf.inference.threads import set_num_threads

    set_num_threads(settings.threads)
    detector = Detector.from_pretrained(
        settings.bundle, device=settings.device, runtime=settings.runtime, limits=limits_of(settings.max_minutes)
    )
    set_num_threads(settings.threads)  # packages that come with it set their own
    sampling = sampling_of(settings.every, settings.fps, settings.frames)

    def predict(path: str, sha256: str | None) -> DetectionResult:
        return detector.detect(path, sampling=sampling, threshold=settings.threshold, sha256=sha256)

    return predict


def analyse(path: str, predict: Predict, claim: Claim, origin: Row, max_bytes: int) -> Outcome:
    """Never raises for a file.

    Args:
        path: a file, or an address.
        predict: the detector.
        claim: called with SHA-256 and size; False where another file of the same content has or gets the answer.
        origin: as :func:`deepfake_hf.scan.schema.answer`.
        max_bytes: a larger file is not hashed; the detector refuses it by its size.
    """
    started = time.perf_counter()
    sha256, size_bytes = None, None
    try:
        with local_file(path, max_bytes) as file:
            if file.is_file() and file.stat().st_size <= max_bytes:
                size_bytes, sha256 = file.stat().st_size, sha256_of(file)
                if not claim(sha256, size_bytes):
                    return {"path": path, "sha256": sha256, "size_bytes": size_bytes, "table": None, "row": None}
            result = predict(os.fspath(file), sha256)
        if is_remote(path):
            from deepfake_hf.report.record import named

            result = named(result, os.fspath(file), path)
        table, row = answer(path, sha256, size_bytes, result, origin)
    except MediaError as error:
        unfetched = is_remote(path) and not isinstance(error, UnsupportedMediaError)
        status = "unfetched" if unfetched else Status.UNSUPPORTED.value if is_remote(path) else Status.UNREADABLE.value
        table, row = failure(path, status, error, origin, sha256, size_bytes)
    except OSError as error:
        why = f"it cannot be read ({error.strerror or error})"
        unread = MediaError(path, why, "check the path and its permissions")
        table, row = failure(path, Status.UNREADABLE.value, unread, origin)
    except DeepfakeHFError as error:
        table, row = failure(path, "failed", error, origin, sha256, size_bytes)
    except Exception as error:  # one file's surprise is that file's error and nobody else's
        why = f"the analysis failed ({said(error)})"
        told = DeepfakeHFError(path, why, "report it with the file, or leave the file out")
        status = "memory" if isinstance(error, MemoryError) else "failed"
        table, row = failure(path, status, told, origin, sha256, size_bytes)
    row["seconds"] = time.perf_counter() - started
    return {"path": path, "sha256": sha256, "size_bytes": size_bytes, "table": table, "row": row}
