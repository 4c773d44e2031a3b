"""All settings of a training run: one dataclass, read from YAML, changed by ``key=value``, checked once."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, field, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import yaml
from pydantic import (
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
)
from pydantic.dataclasses import dataclass

from deepfake_hf.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Settings = TypeVar("Settings", bound="DataclassInstance")
_STRICT: Final = ConfigDict(extra="forbid")
# What may differ from the run that is resumed, since it does not change the weights.
FREE_ON_RESUME: Final = ("out", "loop.workers", "loop.minutes", "loop.trackers", "loop.checkpoint_every")


@dataclass(frozen=True, config=_STRICT)
class DataConfig:
    """What a batch is made of. Counts are of an optimiser step: over all processes and accumulated parts.

    Args:
        source: ``faces`` (parquet shards of crops), ``stream`` (the same, read as they come and never held whole),
            ``manifest`` (CSV or parquet: crops for frame and clip systems, sound files for audio systems), ``films``
            (a manifest of videos with sound, for sync) or ``twins`` (the cache of ``train.py speech-data``).
        path: Folder, manifest or cache.
        balance: ``pairs`` (a genuine face and the fake made from it), ``class``, ``method`` (half genuine, the other
            half shared evenly among methods), ``none`` (every item once in an epoch) or ``genuine`` (the genuine items
            once in an epoch; all fakes are made of them).
        batch: Items of a step; with ``pairs`` the number of pairs, in ``triplet`` of triplets.
        self_blends: Genuine items of a step that are in it self-blended, too.
        blend_elastic: Share of those whose pasted face is deformed, as a face that is made to move.
        rebuilds: Genuine items of a step that are in it sent through an autoencoder, too.
        rebuilders: Those autoencoders, by name in the box or by folder; empty takes all in the box.
        rebuild_whole: Share of the rebuilt crops that are so whole, as generated pictures are, not the face alone.
        rebuild_changed: Share of the rebuilt faces that differ from their surround in resolution, colour or sharpness,
            too, as a pasted generator's face does.
        budget: Frames or seconds of a step, padding included, instead of ``batch``: items of like length stand
            together.
        sizes: Sides of crops in pixels, each as (share of the steps at which it ends, side); ``ladder`` takes two
            smaller ones first; null is the model's own.
        strong_share: Share of crops that are degraded strongly.
        augment: Changes to the augmentation: fields of ``FaceSettings`` for pictures and clips, of
            ``SpeechAugmentation`` for sound, which without any is left as it is.
        source_scale: Crops are first reduced to a share of their side drawn from [low, high]; null leaves them.
        mask_share: Share of sounds whose spectrogram is masked in time and frequency (SpecAugment).
        frames: Fewest and most frames of a clip.
        window_s: Shortest and longest stretch of sound, seconds.
        shift_s: Smallest and largest shift of the sound that makes a pair out of sync, seconds.
        leave_out: Generator family that training does not see (``twins``).
        buffer: Rows among which a stream is shuffled.
        dev_limit: Most items that are scored at an evaluation.
    """

    source: Literal["faces", "stream", "manifest", "films", "twins"] = "faces"
    path: str = "../shared/data/faces"
    balance: Literal["pairs", "class", "method", "none", "genuine"] = "pairs"
    batch: PositiveInt = 14
    self_blends: NonNegativeInt = 0
    blend_elastic: NonNegativeFloat = 0.0
    rebuilds: NonNegativeInt = 0
    rebuilders: tuple[str, ...] = ()
    rebuild_whole: NonNegativeFloat = 0.0
    rebuild_changed: NonNegativeFloat = 0.0
    budget: PositiveFloat | None = None
    sizes: Literal["ladder"] | tuple[tuple[float, int], ...] | None = None
    strong_share: NonNegativeFloat = 0.0
    augment: dict[str, Any] = field(default_factory=dict)
    source_scale: tuple[PositiveFloat, PositiveFloat] | None = None
    mask_share: NonNegativeFloat = 0.0
    frames: tuple[PositiveInt, PositiveInt] = (10, 30)
    window_s: tuple[PositiveFloat, PositiveFloat] = (2.0, 4.0)
    shift_s: tuple[PositiveFloat, PositiveFloat] = (0.2, 1.0)
    leave_out: str | None = None
    buffer: PositiveInt = 1000
    dev_limit: PositiveInt = 1000


@dataclass(frozen=True, config=_STRICT)
class LossConfig:
    """Of the stage's loss: ``blend_weight`` of self-blends beside supervised items, ``margin`` of triplets,
    ``label_smoothing`` and ``pair_weight`` (a fake must score above its own genuine twin) of ``twins``.

    ``teachers`` are model folders of the same system; to the share ``teacher_weight`` the loss goes by what one or
    another of them finds in a crop (a soft maximum, ``teacher_softness`` in log odds wide). ``teacher_units`` holds a
    scale and an offset for each, which bring its margin to the units of the first; empty: they are alike.
    """

    blend_weight: NonNegativeFloat = 1.0
    margin: PositiveFloat = 1.0
    label_smoothing: NonNegativeFloat = 0.0
    pair_weight: NonNegativeFloat = 0.0
    teachers: tuple[str, ...] = ()
    teacher_weight: NonNegativeFloat = 0.5
    teacher_units: tuple[tuple[float, float], ...] = ()
    teacher_softness: PositiveFloat = 1.0


@dataclass(frozen=True, config=_STRICT)
class OptimiserConfig:
    """``layer_decay`` multiplies the rate of each backbone layer by itself once more towards the input; ``rates`` maps
    a regular expression on parameter names to a factor of the rate, the first that matches counting; ``freeze`` maps
    one to the share of the steps for which those parameters stay as they are, 1 for all of them."""

    name: Literal["adam", "adamw"] = "adamw"
    learning_rate: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 0.0
    layer_decay: PositiveFloat = 1.0
    rates: dict[str, NonNegativeFloat] = field(default_factory=dict)
    freeze: dict[str, NonNegativeFloat] = field(default_factory=dict)


@dataclass(frozen=True, config=_STRICT)
class ScheduleConfig:
    """``warmup`` is the share of the steps in which the rate rises (``one_cycle`` from rate / ``div``, ``cosine`` from
    0); ``cosine`` falls to ``floor`` times the rate; ``plateau`` multiplies it by ``factor`` after more than
    ``patience`` evaluations without a lower held-out loss, down to ``floor`` times the rate."""

    name: Literal["one_cycle", "cosine", "plateau", "constant"] = "constant"
    warmup: NonNegativeFloat = 0.0
    div: PositiveFloat = 25.0
    floor: NonNegativeFloat = 0.0
    factor: PositiveFloat = 0.1
    patience: NonNegativeInt = 2


@dataclass(frozen=True, config=_STRICT)
class LoopConfig:
    """How long and on what.

    Args:
        steps: Optimiser steps; null takes ``epochs``.
        epochs: Passes over the data.
        accumulate: Parts in which a step's batch goes through the model.
        clip_norm: Largest norm of the gradient; null does not clip.
        ema_decay: Of the averaged weights, which are then the ones evaluated and saved; 0 for none.
        precision: ``bf16``, ``fp16`` (GPU only) or ``fp32``.
        evaluate_every: Steps; null for once an epoch.
        checkpoint_every: Steps between checkpoints beside those at evaluations; null for none.
        metric: What the best weights and early stopping go by.
        patience: Evaluations without a better one after which the run ends; null for never.
        minutes: The run ends at the first step after them, with a checkpoint; null for never.
        workers: Processes that make batches.
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        trackers: ``tensorboard``, ``trackio``.
    """

    steps: PositiveInt | None = None
    epochs: PositiveInt | None = None
    accumulate: PositiveInt = 1
    clip_norm: PositiveFloat | None = None
    ema_decay: NonNegativeFloat = 0.0
    precision: Literal["bf16", "fp16", "fp32"] = "fp32"
    evaluate_every: PositiveInt | None = None
    checkpoint_every: PositiveInt | None = None
    metric: Literal["f1", "auc", "loss", "triplet_accuracy", "nme", "eer"] = "f1"
    patience: PositiveInt | None = None
    minutes: NonNegativeFloat | None = None
    workers: NonNegativeInt = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"
    trackers: tuple[Literal["tensorboard", "trackio"], ...] = ()


@dataclass(frozen=True, config=_STRICT)
class TrainConfig:
    """A run.

    Args:
        stage: What is learnt: ``classify``, ``triplet``, ``head``, ``sync``, ``landmarks`` or ``twins``.
        preset: Row of the table of systems (``deepfake-hf presets``).
        backbone: timm name in place of the row's.
        pretrained: Where backbone weights come from; null is the row's own first place.
        start_from: Folder of a trained model to go on from instead.
        model: Changes to the row's configuration.
        out: Run folder.
        seed: Of everything random.
        then: Changes for a second phase that goes on from the best weights of this one.
    """

    stage: Literal["classify", "triplet", "head", "sync", "landmarks", "twins"] = "classify"
    preset: str = "lite_frame"
    backbone: str | None = None
    pretrained: str | None = None
    start_from: str | None = None
    model: dict[str, Any] = field(default_factory=dict)
    out: str = "runs/train"
    seed: NonNegativeInt = 7
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    then: dict[str, Any] = field(default_factory=dict)


def make_config(*layers: Mapping[str, Any], settings: Sequence[str] = ()) -> TrainConfig:
    """Defaults, then each layer over them, then ``settings``.

    Args:
        layers: Nested mappings, such as those of YAML files; a later one counts more.
        settings: ``key=value`` with dotted keys and YAML values: ``optimiser.learning_rate=1e-4``.

    Raises:
        UsageError: An unknown key, with those of like name, or a value that can't be.
    """
    whole: dict[str, Any] = {}
    for layer in layers:
        whole = merged(whole, layer)
    for setting in settings:
        whole = merged(whole, _setting(setting))
    _refuse_unknown(whole, TrainConfig, "")
    try:
        config = TypeAdapter(TrainConfig).validate_python(_numbers(whole))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise UsageError("the settings", wrong, "give values of the kinds that docs/training.md lists") from None
    _check(config)
    return config


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``, mapping by mapping; ``model``, ``rates`` and ``freeze`` gather keys, too."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def adjusted(base: Settings, changes: Mapping[str, Any], name: str) -> Settings:
    """A settings object with some fields changed; lists of YAML become tuples.

    Args:
        base: A dataclass.
        changes: By field.
        name: Of the setting, for the message.

    Raises:
        UsageError: There is no such field, or a value can't be.
    """
    known = [item.name for item in fields(base)]
    if unknown := sorted(set(changes) - set(known)):
        raise UsageError(
            f"{name}.{unknown[0]}", f"{type(base).__name__} has no such setting", f"use {', '.join(known)}"
        )
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in changes.items()}
    try:
        return replace(base, **values)
    except TypeError as error:
        raise UsageError(f"{name} {dict(changes)}", str(error), "give numbers, or [low, high] for a range") from None


def read_yaml(path: str | Path) -> dict[str, Any]:
    """A mapping from a YAML file.

    Raises:
        UsageError: It can't be read, or holds something else.
    """
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"--config {path}", str(error), "give a YAML file") from None
    if not isinstance(raw, dict):
        raise UsageError(f"--config {path}", "it holds no mapping of settings", "write lines such as 'seed: 7'")
    return raw


def write_config(config: TrainConfig, path: Path) -> None:
    path.write_text(yaml.safe_dump(plain(config), sort_keys=False, allow_unicode=True), encoding="utf-8")


def plain(config: TrainConfig) -> dict[str, Any]:
    """As nested mappings and lists, ready for YAML and JSON."""
    listed: dict[str, Any] = _lists(asdict(config))  # type: ignore[call-overload]
    return listed


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values; an empty mapping is a value."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """``key: old -> new`` for what differs and would change the weights."""
    before, after = dict(flat(old)), dict(flat(new))
    keys = [key for key in sorted(before | after) if not key.startswith(FREE_ON_RESUME)]
    return [f"{key}: {before.get(key)} -> {after.get(key)}" for key in keys if before.get(key) != after.get(key)]


def refuse_unused(config: TrainConfig, used: frozenset[str], stage: str) -> None:
    """An option of ``data`` and ``loss`` that can't act in this stage is an error.

    Raises:
        UsageError: Names them.
    """
    defaults = TrainConfig()
    dead = []
    for section in ("data", "loss"):
        for item in fields(getattr(defaults, section)):
            key = f"{section}.{item.name}"
            if key not in used and getattr(getattr(config, section), item.name) != getattr(
                getattr(defaults, section), item.name
            ):
                dead.append(key)
    if dead:
        raise UsageError(", ".join(dead), f"it can't act in {stage}", "leave it out")


def _setting(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"--set {text}", "it is not KEY=VALUE", "write --set loop.steps=200")
    try:
        found = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise UsageError(f"--set {text}", f"its value is no YAML: {error}", "write --set loop.steps=200") from None
    parts = key.split(".")
    open_from = next((i for i, part in enumerate(parts[:-1]) if part in ("rates", "freeze", "model", "then")), None)
    if open_from is not None and parts[open_from] in ("rates", "freeze"):  # an expression may hold dots
        parts = [*parts[: open_from + 1], ".".join(parts[open_from + 1 :])]
    for part in reversed(parts):
        found = {part: found}
    nested: dict[str, Any] = found
    return nested


def _refuse_unknown(given: Mapping[str, Any], kind: Any, prefix: str) -> None:
    known = {item.name: item for item in fields(kind)}
    for key, value in given.items():
        if key not in known:
            everywhere = list(dict(flat(plain(TrainConfig()))))
            ends = [name for name in everywhere if name.split(".")[-1] == str(key).split(".")[-1]]
            near = ends or difflib.get_close_matches(f"{prefix}{key}", everywhere, 3, 0.5)
            mend = f"did you mean {' or '.join(near)}" if near else f"there are {', '.join(known)}"
            raise UsageError(f"the setting {prefix}{key}", "there is none of that name", mend)
        factory: Any = known[str(key)].default_factory
        if is_dataclass(factory):
            if not isinstance(value, Mapping):
                raise UsageError(f"the setting {prefix}{key}", "it holds several settings", f"write {prefix}{key}.NAME")
            _refuse_unknown(value, factory, f"{prefix}{key}.")
    if prefix == "" and isinstance(given.get("then"), Mapping):
        _refuse_unknown(given["then"], kind, "then.")


def _check(config: TrainConfig) -> None:
    if (config.loop.steps is None) == (config.loop.epochs is None):
        raise UsageError("loop.steps and loop.epochs", "a run needs exactly one of them", "set the other to null")
    if config.start_from is not None and config.pretrained is not None:
        raise UsageError("start_from and pretrained", "they exclude each other", "give one of them")
    for key in ("frames", "window_s", "shift_s"):
        low, high = getattr(config.data, key)
        if low > high:
            raise UsageError(f"data.{key} {low}, {high}", "the first is above the second", "give the smaller one first")
    for key, limit in (
        ("data.strong_share", 1.0),
        ("data.mask_share", 1.0),
        ("data.blend_elastic", 1.0),
        ("data.rebuild_whole", 1.0),
        ("data.rebuild_changed", 1.0),
        ("loss.teacher_weight", 1.0),
        ("loop.ema_decay", 1.0),
        ("schedule.warmup", 1.0),
    ):
        value = dict(flat(plain(config)))[key]
        if value > limit:
            raise UsageError(f"{key} {value}", "it is a share", "give a number from 0 to 1")
    loss = config.loss
    if loss.teacher_units and len(loss.teacher_units) != len(loss.teachers):
        raise UsageError("loss.teacher_units", "each teacher has a scale and an offset", "give as many as teachers")
    sizes = config.data.sizes
    if isinstance(sizes, tuple):
        shares = [share for share, _ in sizes]
        if not sizes or shares != sorted(shares) or shares[-1] != 1.0 or min(side for _, side in sizes) < 32:
            raise UsageError(
                f"data.sizes {sizes}", "shares must rise to 1", "give [[0.35, 160], [1, 192]], 32 px or more"
            )


def _numbers(value: Any) -> Any:
    """YAML reads ``1e-4`` as a word; here it is a number."""
    if isinstance(value, Mapping):
        return {key: _numbers(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_numbers(part) for part in value]
    if isinstance(value, str) and value[:1] in "0123456789.-" and "e" in value.lower():
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_lists(part) for part in value]
    return value
