"""What an optimiser remembers, as named tensors beside a model's in one file: loading is exact, nothing is pickled."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.optim import Optimizer

PREFIX = "optimiser."


def packed(optimiser: Optimizer, prefix: str = PREFIX) -> dict[str, Tensor]:
    """The state as ``PREFIX.PARAMETER.NAME``, with parameters numbered in the optimiser's order."""
    return {
        f"{prefix}{index}.{name}": value
        for index, entry in optimiser.state_dict()["state"].items()
        for name, value in entry.items()
    }


def unpack(optimiser: Optimizer, state: Mapping[str, Tensor], prefix: str = PREFIX) -> None:
    """Give ``optimiser`` what ``packed`` put into ``state``, among whatever else is there."""
    entries: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        if key.startswith(prefix):
            index, name = key.removeprefix(prefix).split(".")
            entries.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": entries})
