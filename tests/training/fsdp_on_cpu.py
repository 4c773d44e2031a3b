"""``train.py`` in processes that shard their model by FSDP on the CPU, for test_distributed.py.

Accelerate takes its FSDP plugin on accelerators only (``AcceleratorState.__init__``); torch itself shards on a CPU too.
So the state is told here that it is FSDP, version 2. All else is the loop as it is.
"""

from __future__ import annotations

from typing import Any

from accelerate import Accelerator, FullyShardedDataParallelPlugin
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType

from deepfake_hf.cli.train import main
from deepfake_hf.training import loop, run
from deepfake_hf.training.config import TrainConfig

made = loop.make_accelerator


def sharding(config: TrainConfig) -> Accelerator:
    accelerator = made(config)
    accelerator.state.fsdp_plugin = FullyShardedDataParallelPlugin(
        fsdp_version=2, auto_wrap_policy="no_wrap", state_dict_type="FULL_STATE_DICT", cpu_ram_efficient_loading=False
    )
    return accelerator


def _get(state: Any) -> DistributedType:
    own: DistributedType = state.__dict__["distributed_type"]
    return DistributedType.FSDP if state.__dict__.get("fsdp_plugin") else own


def _set(state: Any, value: DistributedType) -> None:
    state.__dict__["distributed_type"] = value


if __name__ == "__main__":
    AcceleratorState.distributed_type = property(_get, _set)
    run.make_accelerator = sharding
    main()
