"""Settings: layers, overrides, refusals with the names meant, and what may change between a run and its resumption."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepfake_hf.errors import UsageError
from deepfake_hf.training.config import changed, make_config, plain, read_yaml, refuse_unused, write_config


def test_later_layers_count_more_and_settings_most() -> None:
    below = {"preset": "xception", "loop": {"steps": 5}, "optimiser": {"rates": {r"^a\.": 0.1}}}
    above = {"loop": {"accumulate": 2}, "optimiser": {"rates": {r"^b\.": 0.2}}}
    made = make_config(
        below, above, settings=["loop.steps=7", "optimiser.learning_rate=1e-4", r"optimiser.rates.^c\.d=2"]
    )
    assert made.preset == "xception" and made.loop.steps == 7 and made.loop.accumulate == 2
    assert made.optimiser.learning_rate == 1e-4
    assert made.optimiser.rates == {r"^a\.": 0.1, r"^b\.": 0.2, r"^c\.d": 2.0}
    assert make_config(made_plain := plain(made)) == made and isinstance(made_plain["data"]["frames"], list)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["loop.stpes=5"], r"did you mean loop\.steps"),
        (["learning_rate=1"], r"did you mean optimiser\.learning_rate"),
        (["zzz=1"], "there are stage, preset"),
        (["then.loop.metrik=f1"], "metric"),
        (["loop=3"], r"write loop\.NAME"),
        (["loop.steps"], "not KEY=VALUE"),
        (["loop.steps=[1"], "no YAML"),
        (["loop.steps=0"], "loop.steps: .*greater than 0"),
        (["loop.steps=many"], "loop.steps"),
        (["stage=dream"], "stage: .*'classify'"),
        (["loop.epochs=2"], "exactly one"),
        (["data.frames=[9, 3]"], "the first is above the second"),
        (["data.strong_share=1.5"], "it is a share"),
        (["data.sizes=[[0.5, 64], [0.4, 96]]"], "shares must rise to 1"),
        (["start_from=x", "pretrained=hub"], "exclude each other"),
    ],
)
def test_what_can_not_be_is_refused(settings: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=f"(?i){words}"):
        make_config({"loop": {"steps": 4}}, settings=settings)


def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    made = make_config({"loop": {"steps": 4}, "data": {"sizes": [[0.5, 64], [1, 96]]}, "then": {"stage": "head"}})
    write_config(made, tmp_path / "config.yaml")
    assert make_config(read_yaml(tmp_path / "config.yaml")) == made
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "bad.yaml").write_text("a: [\n")
    for name, words in (("list.yaml", "no mapping"), ("bad.yaml", "give a YAML file"), ("none.yaml", "No such file")):
        with pytest.raises(UsageError, match=f"(?i){words}"):
            read_yaml(tmp_path / name)


def test_only_what_leaves_the_weights_alone_may_change_on_resume() -> None:
    one = plain(make_config({"loop": {"steps": 4}}))
    same = plain(make_config({"loop": {"steps": 4, "workers": 5, "minutes": 3}, "out": "elsewhere"}))
    other = plain(make_config({"loop": {"steps": 5}, "seed": 8}))
    assert changed(one, same) == []
    assert changed(one, other) == ["loop.steps: 4 -> 5", "seed: 7 -> 8"]


def test_an_option_that_can_not_act_is_an_error() -> None:
    config = make_config({"loop": {"steps": 4}, "data": {"leave_out": "world", "batch": 3}})
    with pytest.raises(UsageError, match=r"data\.leave_out: it can't act in this"):
        refuse_unused(config, frozenset({"data.batch"}), "this")
