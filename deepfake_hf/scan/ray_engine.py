"""The same scan on Ray Data: a pool of actors that grows and shrinks, each with a supervised worker of its own.

An actor watches one worker process just as the local engine does, so that limits, errors and answers are the same. Ray
starts an actor anew that dies and gives it the files again whose outcomes had not come back.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from deepfake_hf.errors import DeepfakeHFError, MissingDependencyError, UsageError
from deepfake_hf.scan.analyse import Load, Outcome
from deepfake_hf.scan.crew import Crew
from deepfake_hf.scan.index import Index
from deepfake_hf.scan.remote import said
from deepfake_hf.scan.worker import Guard

if TYPE_CHECKING:
    import pyarrow as pa

    from deepfake_hf.scan.run import Work

# Files that an actor gets at once, and may have to do again when it dies: few, unless that makes too many blocks.
_FILES_PER_BLOCK: Final = 4
_MAX_BLOCKS: Final = 10_000
_STORE_BYTES: Final = 256 * 1024**2  # paths and rows only
_SEED: Final = 10_000


class Claims:
    """One actor for the whole scan: who analyses which content."""

    def __init__(self) -> None:
        self._index = Index()

    def answered(self, contents: list[str]) -> None:
        """Contents of earlier runs, which nobody analyses again."""
        for sha256 in contents:
            self._index.claim(sha256, "")

    def claim(self, sha256: str, path: str) -> bool:
        return self._index.claim(sha256, path)


class Analyst:
    """One actor of the pool."""

    def __init__(self, load: Load, guard: Guard, claims: Any) -> None:
        self._crew, self._claims = Crew(1, load, guard), claims

    def __call__(self, batch: pa.Table) -> pa.Table:
        """A table with ``path`` to one with ``outcome`` as JSON, or what kept the detector from being loaded.

        An exception would come back in Ray's wrapping, as text.
        """
        import pyarrow as pa

        try:
            outcomes = list(self._crew.run(batch["path"].to_pylist(), self._claim))
        except DeepfakeHFError as error:
            outcomes = [{"refused": [error.what, error.why, error.mend]}]
        return pa.table({"outcome": [json.dumps(outcome) for outcome in outcomes]})

    def _claim(self, sha256: str, path: str) -> bool:
        import ray

        return bool(ray.get(self._claims.claim.remote(sha256, path)))


def run_on_ray(index: Index, left: int, load: Load, guard: Guard, work: Work) -> Iterator[Outcome]:
    """Outcomes of all that ``index`` has to do, as they come.

    Args:
        index: what to do, and what has an answer.
        left: number of files to do.
        load: makes the detector, in each actor's worker.
        guard: limits for one file.
        work: pool size, resources and address.

    Raises:
        MissingDependencyError: Ray is not installed.
        UsageError: the cluster can't be reached.
        DeepfakeHFError: the detector can't be loaded, or the cluster failed.
    """
    ray = _import_ray()
    most = min(work.most_workers or work.workers, left)
    mine = not ray.is_initialized()
    if mine:
        _start(ray, work, most)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        claims = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Claims).remote()
        contents = index.contents()
        while known := list(islice(contents, _SEED)):
            ray.get(claims.answered.remote(known))
        size = min(max(_FILES_PER_BLOCK, math.ceil(left / _MAX_BLOCKS)), max(1, left // most))
        answers = _blocks(ray, index, size).map_batches(
            Analyst,
            fn_constructor_args=(load, guard, claims),
            batch_size=size,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(min_size=min(work.workers, most), max_size=most),
            num_cpus=work.cpus,
            num_gpus=work.gpus or None,
        )
        for batch in answers.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            for outcome in map(json.loads, batch["outcome"].to_pylist()):
                if "refused" in outcome:
                    raise DeepfakeHFError(*outcome["refused"])
                yield outcome
    except ray.exceptions.RayError as error:
        mend = "run the same command again: it goes on where it stopped"
        raise DeepfakeHFError("the Ray cluster failed", said(error), mend) from error
    finally:
        if mine:
            ray.shutdown()


def _import_ray() -> Any:
    # Read when Ray is imported: it would report its use over the network.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingDependencyError(
            "--engine ray cannot be used", "Ray is not installed", "pip install 'deepfake-hf[scale]'"
        ) from error
    return ray


def _start(ray: Any, work: Work, most: int) -> None:
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if work.address is None:
        # As many as were asked for, even where the machine has fewer cores: as the local engine does it.
        cores = max(os.cpu_count() or 1, math.ceil(most * work.cpus))
        options |= {"num_cpus": cores, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        ray.init(address=work.address or "local", **options)
    except Exception as error:  # of many kinds
        raise UsageError(
            f"Ray at {work.address or 'this machine'} cannot be used", said(error), "check --address and the cluster"
        ) from error


def _blocks(ray: Any, index: Index, size: int) -> Any:
    """A dataset with the column ``path``, ``size`` rows a block."""
    import pyarrow as pa

    todo = index.todo()
    blocks = []
    while paths := list(islice(todo, size)):
        blocks.append(pa.table({"path": paths}))
    return ray.data.from_arrow(blocks)
