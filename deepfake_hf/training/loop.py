"""The training loop that all stages share."""

from __future__ import annotations

import importlib.util
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState, GradientState
from accelerate.utils import DistributedType, gather_object, set_seed
from numpy.typing import NDArray
from rich.progress import track
from torch.optim.lr_scheduler import ReduceLROnPlateau
from transformers import PreTrainedModel

from deepfake_hf.errors import DataError, MissingDependencyError, UsageError
from deepfake_hf.training.checkpoint import check_resumable, load_checkpoint, save_checkpoint
from deepfake_hf.training.config import TrainConfig, flat, plain
from deepfake_hf.training.ema import WeightAverage
from deepfake_hf.training.optimisation import Freezing, build_optimiser, build_schedule
from deepfake_hf.training.run_figures import draw_confusion, draw_curves
from deepfake_hf.training.run_folder import LOG, METRICS, append, begin, cut_log, read_log
from deepfake_hf.training.stage import HeldOut, Stage

_LOG_EVERY: Final = 10
_DOWN: Final = ("loss", "nme", "eer")  # metrics of which less is better


@dataclass
class _Progress:
    """Where a run is: steps done, the best figure and how many evaluations ago it was, the time used."""

    step: int = 0
    best: float | None = None
    stale: int = 0
    seconds: float = 0.0
    recent: list[float] = field(default_factory=list)  # losses since the last line of the log
    since: list[float] = field(default_factory=list)  # and since the last evaluation


def make_accelerator(config: TrainConfig) -> Accelerator:
    """Accelerate as the settings ask for it.

    Raises:
        UsageError: A GPU or fp16 is asked for and there is no GPU.
        MissingDependencyError: A tracker is not installed.
    """
    loop = config.loop
    has_gpu = torch.cuda.is_available()
    if loop.device == "cuda" and not has_gpu:
        raise UsageError("loop.device cuda", "torch sees no GPU here", "set loop.device to auto or cpu")
    on_cpu = loop.device == "cpu" or not has_gpu
    if loop.precision == "fp16" and on_cpu:
        raise UsageError("loop.precision fp16", "it needs a GPU", "set it to bf16 or fp32")
    for name in loop.trackers:
        if importlib.util.find_spec(name) is None:
            raise MissingDependencyError(
                f"the tracker {name}", "its package is not installed", "pip install 'deepfake-hf[trackers]'"
            )
    # a second run in this process may ask for another precision or accumulation
    AcceleratorState._reset_state()
    GradientState._reset_state()
    return Accelerator(
        cpu=on_cpu,
        mixed_precision="no" if loop.precision == "fp32" else loop.precision,
        gradient_accumulation_steps=loop.accumulate,
        log_with=list(loop.trackers) or None,
        project_dir=config.out,
        # buffers are averaged before evaluations instead, so that a step may ask the model twice
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
    )


class Run:
    """One phase of training, from a stage to a run folder.

    Args:
        config: Its settings.
        stage: Built from them.
        accelerator: Of :func:`make_accelerator`.
        resume: Go on from the checkpoint in the run folder.
    """

    def __init__(self, config: TrainConfig, stage: Stage, accelerator: Accelerator, resume: bool = False) -> None:
        self.config, self.stage, self.accelerator = config, stage, accelerator
        self.folder, self.loop = Path(config.out), config.loop
        self.steps = stage.steps
        self.every = self.loop.evaluate_every or stage.steps_per_epoch
        if resume:
            check_resumable(self.folder, config)
        if accelerator.is_main_process:
            begin(self.folder, config, self._facts())
            if not resume:
                (self.folder / LOG).unlink(missing_ok=True)
        always = dict.fromkeys(stage.freeze, 1.0)
        self.freezing = Freezing(stage.model, {**config.optimiser.freeze, **always}, self.steps)
        optimiser = build_optimiser(stage.model, config.optimiser)
        self.schedule = build_schedule(optimiser, config.schedule, self.steps)
        self.average = WeightAverage(stage.model, self.loop.ema_decay) if self.loop.ema_decay else None
        sharded = accelerator.distributed_type in (DistributedType.FSDP, DistributedType.DEEPSPEED)
        if sharded and (self.average is not None or stage.freeze or config.optimiser.freeze):
            raise UsageError(
                f"loop.ema_decay or optimiser.freeze under {accelerator.distributed_type.value}",
                "parameters lie in pieces there",
                "set them to 0 and {}, or train by DDP",
            )
        if sharded:  # pieces are cut of contiguous weights only
            stage.model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.model, self.optimiser = accelerator.prepare(stage.model, optimiser)
        self.at = _Progress()
        if resume:
            self.at = _Progress(**load_checkpoint(self.folder, accelerator, self.schedule, self.average))
            if accelerator.is_main_process:
                cut_log(self.folder, self.at.step)
        elif accelerator.num_processes > 1:  # weights are alike on all, dropout is not
            set_seed(config.seed + 1000 * accelerator.process_index)
        if self.loop.trackers:
            known = {key: value if isinstance(value, (int, float, str)) else str(value) for key, value in
                     flat(plain(config))}  # fmt: skip
            accelerator.init_trackers(self.folder.resolve().name, config=known)

    def fit(self) -> Path:
        """Train; gives the folder of the best weights.

        Raises:
            DataError: The loss is no number any more.
        """
        clock = time.monotonic() - self.at.seconds
        parts: list[dict[str, float]] = []
        done_parts, total, stopped = 0, 0.0, False
        for share, batch in self._batches():
            step = self.at.step
            if done_parts == 0:
                self.stage.set_modes(self.accelerator.unwrap_model(self.model))
                self.freezing.set_modes(step)
            with self.accelerator.accumulate(self.model):
                with self.accelerator.autocast():
                    loss, extra = self.stage.loss(self.model, self._moved(batch))
                weight = share * self.accelerator.num_processes * self.loop.accumulate
                self.accelerator.backward(loss * weight)
                norm = self._clip(step) if self.accelerator.sync_gradients else None
                self.optimiser.step()
                self.optimiser.zero_grad(set_to_none=True)
            total += share * float(loss.detach())
            parts.append(extra)
            done_parts += 1
            if done_parts < self.loop.accumulate:
                continue
            self._after_step(total)
            self.at.seconds = time.monotonic() - clock
            if self.at.step % _LOG_EVERY == 0 or self.at.step == self.steps:
                self._report(norm, parts)
                parts.clear()
            done_parts, total = 0, 0.0
            late = self.loop.minutes is not None and self.at.seconds > 60 * self.loop.minutes
            if self.at.step % self.every == 0 or self.at.step == self.steps:
                stopped = self._evaluate()
                self._save()
            elif late or (self.loop.checkpoint_every and self.at.step % self.loop.checkpoint_every == 0):
                self._save()
            if stopped or late:
                break
            clock = time.monotonic() - self.at.seconds
        if self.at.step == self.steps or stopped:
            self._finish()
        return self.folder / "model"

    def _batches(self) -> Iterator[tuple[float, dict[str, Any]]]:
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        loader = self.stage.loader((self.at.step, self.steps), rank, processes)
        count = (self.steps - self.at.step) * self.loop.accumulate
        yield from track(loader, "training", total=count, disable=not self.accelerator.is_main_process)

    def _moved(self, batch: dict[str, Any]) -> dict[str, Any]:
        def move(value: Any) -> Any:
            if not isinstance(value, torch.Tensor):
                return value
            pictures = value.ndim == 4 and value.shape[1] == 3
            form = torch.channels_last if pictures else torch.preserve_format
            return value.to(self.accelerator.device, memory_format=form)

        return {key: move(value) for key, value in batch.items()}

    def _clip(self, step: int) -> float | None:
        self.freezing.drop_gradients(step)
        if self.loop.clip_norm is None:
            return None
        return float(self.accelerator.clip_grad_norm_(self.model.parameters(), self.loop.clip_norm))

    def _after_step(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise self._diverged(f"the loss at step {self.at.step + 1} is {loss}")
        if not isinstance(self.schedule, ReduceLROnPlateau) and not self.accelerator.optimizer_step_was_skipped:
            self.schedule.step()
        if self.average is not None:
            self.average.update(self.accelerator.unwrap_model(self.model))
        self.at.step += 1
        self.at.recent.append(loss)
        self.at.since.append(loss)

    def _diverged(self, what: str) -> DataError:
        mend = "lower optimiser.learning_rate, set loop.clip_norm, or train in fp32"
        return DataError(what, "training has diverged", mend)

    def _all(self, losses: list[float]) -> float:
        """Mean over steps; each process holds its share of every step's loss."""
        here = torch.tensor(float(np.mean(losses)), device=self.accelerator.device)
        return float(self.accelerator.reduce(here, "sum"))

    def _report(self, norm: float | None, parts: list[dict[str, float]]) -> None:
        rates = [group["lr"] for group in self.optimiser.param_groups]
        line: dict[str, Any] = {"kind": "training", "step": self.at.step, "loss": self._all(self.at.recent)}
        line |= {"learning_rate": max(rates), "gradient_norm": norm, "seconds": round(self.at.seconds, 2)}
        names = sorted({name for part in parts for name in part})
        line |= {name: float(np.mean([part[name] for part in parts if name in part])) for name in names}
        self.at.recent.clear()
        if self.accelerator.is_main_process:
            append(self.folder, line)
        self._track({"loss": line["loss"], "learning_rate": line["learning_rate"]})

    def _track(self, values: dict[str, float]) -> None:
        if self.loop.trackers:
            self.accelerator.log(values, step=self.at.step)

    @contextmanager
    def _averaged(self) -> Iterator[PreTrainedModel]:
        """The model with the weights that count, in eval mode."""
        model: PreTrainedModel = self.accelerator.unwrap_model(self.model)
        self._share_buffers(model)
        if self.average is None:
            model.eval()
            yield model
            return
        own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        model.load_state_dict(self.average.state)
        model.eval()
        try:
            yield model
        finally:
            model.load_state_dict(own)

    def _share_buffers(self, model: PreTrainedModel) -> None:
        """Batch statistics become the mean over processes, each of which saw its own part of every step."""
        if self.accelerator.num_processes == 1:
            return
        tensors = dict(model.named_buffers())
        if self.average is not None:
            tensors |= {f"average {name}": self.average.state[name] for name in list(tensors) if name in
                        self.average.state}  # fmt: skip
        for tensor in tensors.values():
            if tensor.is_floating_point():
                tensor.copy_(self.accelerator.reduce(tensor.clone(), "mean"))

    def _scores(self, model: PreTrainedModel, held: HeldOut) -> NDArray[np.float64]:
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        # as many on each, the last one twice where they do not come out even: sharded models call each other
        rounds = -(-len(held.items) // processes)
        mine = [min(rank + turn * processes, len(held.items) - 1) for turn in range(rounds)]
        step = max(self.at.step - 1, 0)
        values = self.stage.score(model, [held.items[i] for i in mine], step)
        pairs = list(zip(mine, values.tolist(), strict=True))
        if processes > 1:
            pairs = gather_object(pairs)
        scores = np.array([value for _, value in sorted(dict(pairs).items())])
        if not np.isfinite(scores).all():
            raise self._diverged(f"scores after step {self.at.step} are not finite")
        return scores

    def _evaluate(self) -> bool:
        """Score what is held out, keep the best weights; whether the run has waited long enough for better ones."""
        held, metric = self.stage.dev, self.loop.metric
        with self._averaged() as model:
            scores = self._scores(model, held)
            figures = self.stage.figures(scores, held, max(self.at.step - 1, 0))
            if metric not in figures:
                raise UsageError(
                    f"loop.metric {metric}", f"{self.config.stage} has none", f"choose of {', '.join(figures)}"
                )
            value = -figures[metric] if metric in _DOWN else figures[metric]
            better = self.at.best is None or value > self.at.best
            self.at.best, self.at.stale = (value, 0) if better else (self.at.best, self.at.stale + 1)
            if better:
                self._keep(model, "model")
                if self.accelerator.is_main_process and _both(held):
                    title = f"{held.name}, step {self.at.step}, n = {len(scores)}"
                    draw_confusion(self.folder / "confusion.png", held.labels, scores, title)
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(figures["loss"])
        loss = self._all(self.at.since)
        self.at.since.clear()
        renamed = {"held_out_loss" if name == "loss" else name: value for name, value in figures.items()}
        line = {
            "kind": "evaluation",
            "step": self.at.step,
            "epoch": round(self.at.step / self.stage.steps_per_epoch, 3),
        }
        line |= {"loss": loss, "n": len(scores), **renamed, "seconds": round(self.at.seconds, 2)}  # type: ignore[dict-item]
        if self.accelerator.is_main_process:
            append(self.folder, line)
            print(json.dumps(line), flush=True)
            draw_curves(self.folder / "curves.png", read_log(self.folder), self._title())
        self._track({f"held_out/{name}": value for name, value in figures.items()})
        return self.loop.patience is not None and self.at.stale >= self.loop.patience

    def _keep(self, model: PreTrainedModel, name: str) -> None:
        if self.accelerator.distributed_type in (DistributedType.FSDP, DistributedType.DEEPSPEED):
            state = self.accelerator.get_state_dict(self.model)
        else:
            state = {key: tensor.contiguous() for key, tensor in model.state_dict().items()}
        if self.accelerator.is_main_process:
            model.config.weights_origin = "trained"
            model.save_pretrained(self.folder / name, state_dict=state)
            self.stage.save_processor(self.folder / name)

    def _save(self) -> None:
        progress = {name: getattr(self.at, name) for name in ("step", "best", "stale", "seconds", "recent", "since")}
        save_checkpoint(self.folder, self.accelerator, self.schedule, self.average, progress)

    def _finish(self) -> None:
        """The last weights in ``last``, and figures of the best ones in ``metrics.json``."""
        with self._averaged() as model:
            self._keep(model, "last")
        self.accelerator.wait_for_everyone()
        model = self.accelerator.unwrap_model(self.model)
        best = type(model).from_pretrained(self.folder / "model").to(self.accelerator.device).eval()
        held = self.stage.report or self.stage.dev
        scores = self._scores(best, held)
        figures: dict[str, Any] = self.stage.figures(scores, held, max(self.at.step - 1, 0))
        figures |= self.stage.interval(scores, held)
        seen = sum(len(self.stage.units(step)) for step in range(min(self.at.step, 100)))
        per_step = seen / max(min(self.at.step, 100), 1)
        figures |= {"n": len(scores), "steps": self.at.step, "seconds": round(self.at.seconds, 1)}
        figures["seconds_per_unit"] = round(self.at.seconds / max(self.at.step * per_step, 1), 5)
        if self.accelerator.is_main_process:
            (self.folder / METRICS).write_text(json.dumps(figures, indent=2) + "\n")
        if self.loop.trackers:
            self.accelerator.end_training()
        self.accelerator.wait_for_everyone()

    def _facts(self) -> dict[str, Any]:
        state = self.accelerator
        return {
            "device": str(state.device),
            "processes": state.num_processes,
            "distributed": state.distributed_type.value,
            "threads": torch.get_num_threads(),
            "steps": self.steps,
        }

    def _title(self) -> str:
        return f"{self.config.stage}, {self.config.preset}, seed {self.config.seed}"


def _both(held: HeldOut) -> bool:
    return len(np.unique(held.labels)) == 2
