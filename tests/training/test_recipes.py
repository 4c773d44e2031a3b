"""Every recipe loads, belongs to a system, and agrees with that system's row."""

from __future__ import annotations

import pytest

from deepfake_hf.errors import UsageError
from deepfake_hf.models import PRESETS
from deepfake_hf.training.config import TrainConfig, make_config, plain
from deepfake_hf.training.model_start import known_preset
from deepfake_hf.training.recipes import read_recipe, recipe_names, recipe_source
from deepfake_hf.training.run import phases, stage_class

# Not trained by this loop: a linear model on statistics, and landmark series, for which there is no stage yet.
WITHOUT = {"lite_speech", "landmark_gru"}
METRICS = {
    "triplet": {"triplet_accuracy", "loss"},
    "landmarks": {"nme", "loss"},
}


def test_there_is_one_for_every_system_that_the_loop_trains() -> None:
    assert set(recipe_names()) == set(PRESETS) - WITHOUT | {"landmarks"}
    with pytest.raises(UsageError, match="Choose of aasist"):
        read_recipe("nothing")


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_fits_its_system(name: str) -> None:
    config = make_config(read_recipe(name))
    for phase in phases(config):
        if phase is not None:
            check(name, phase)
    assert "ource" in recipe_source(name) or "ours" in recipe_source(name)


def check(name: str, config: TrainConfig) -> None:
    kind = stage_class(config)  # refuses options that can't act
    assert config.loop.metric in METRICS.get(config.stage, {"f1", "auc", "loss", "eer"})
    if config.stage == "landmarks":
        return
    assert config.preset == name and kind.__name__.endswith("Stage")
    assert not config.model  # a recipe trains the row as it is
    row = known_preset(name, (PRESETS[name].kind,))
    if row.kind == "clip":
        assert config.data.frames[1] == row.config["num_frames"] == row.processor["num_frames"]
    if row.kind == "waveform":
        assert round(config.data.window_s[0] * row.processor["sampling_rate"]) == row.processor["num_samples"]
    if row.kind == "sync":
        assert config.data.shift_s[0] * 25 >= 5  # a whole window away


PUBLISHED = {
    "efficientnet_auto_att_b4": ("adam", 1e-5, 0.0, "plateau", 32, "loss"),
    "efficientnet_b3_transformer": ("adam", 1e-6, 1e-5, "constant", 8, "f1"),
    "xception_conv_lstm": ("adam", 1e-3, 1e-5, "cosine", 8, "f1"),
    "resnext50_lstm": ("adam", 1e-5, 1e-5, "constant", 4, "f1"),
    "aasist": ("adam", 1e-4, 1e-4, "cosine", 24, "eer"),
    "xception": ("adam", 2e-4, 0.0, "constant", 32, "f1"),
}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_the_published_numbers(name: str) -> None:
    config = make_config(read_recipe(name))
    optimiser = config.optimiser
    found = (optimiser.name, optimiser.learning_rate, optimiser.weight_decay, config.schedule.name)
    assert (*found, config.data.batch, config.loop.metric) == PUBLISHED[name]
    assert PRESETS["xception_conv_lstm"].config["dropout"] == 0.3
    assert PRESETS["efficientnet_auto_att_b4"].config["image_size"] == 224


def test_a_run_of_two_phases_goes_on_from_the_first() -> None:
    config = make_config(read_recipe("efficientnet_b4_st"), {"out": "runs/x"})
    first, second = phases(config)
    assert second is not None and (first.stage, second.stage) == ("triplet", "head")
    assert (first.out, second.out, second.start_from) == ("runs/x/1-triplet", "runs/x/2-head", "runs/x/1-triplet/model")
    assert second.data.batch == 32 and second.loop.steps == 5000 and plain(second)["then"] == {}
