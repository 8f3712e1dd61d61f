"""The agent's policy: the writer of pieces with a low-rank adapter, how it is saved, and clips that it plays.

The adapter on the writer's linear layers is all that is trained, and all that is stored (LoRA: Hu et al. 2021). A
layer's weight becomes W + s · B A with B zero at the beginning, so that the agent begins as the writer. W never
changes: training runs the writer with the sums in place of its weights, and an agent is a copy that has them. Adapters
are saved as float16 safetensors beside a JSON card; loading is strict, nothing is pickled.

Clips come with all that says how likely each note was: what the policy might have drawn in its place. The policy is the
piece model behind the grammar at its usual temperature, with the nucleus that the writer has for what a note is. What
lies outside the nucleus counts as impossible, so probabilities are exactly those that the objective compares; that the
nucleus moves with the weights is left out of the gradient.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from models.music.notes import DOMAINS, Domain, Piece
from models.music.tokens import BAR, END, FIELDS, POSITION, from_tokens
from models.style.bundle import BundleFormat
from models.style.latents import BARS
from models.style.pieces.conditions import ABSENT, CLASSES, TEMPERATURE, Along, Place, Wishes, before_first, classes
from models.style.pieces.model import CHAINS, NARROW, PieceBundle, PieceModel, Steps
from models.style.pieces.sampling import Writer
from models.style.pieces.writing import Writing

IntArray = npt.NDArray[np.int64]
Seen = tuple[int, IntArray, npt.NDArray[np.bool_]]  # step, rows, what each might draw

SCALE = 2.0  # alpha / rank
OF_NOTES = ("pitch", "duration", "velocity")  # drawn from a nucleus; positions have the end of a bar among them

FORMAT = BundleFormat("agent", "agent", "python -m models.train.agent makes one, in OUT/bundle")


def adapted_layers(model: PieceModel) -> dict[str, Tensor]:
    """The weights that an adapter changes, by name: of every linear layer that is wide enough."""
    return {
        f"{name}.weight": layer.weight
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and min(layer.weight.shape) >= NARROW
    }


class Adapter(nn.Module):
    """``down`` ``(rank, inputs)`` and ``up`` ``(outputs, rank)`` for each layer of ``adapted_layers``."""

    def __init__(self, model: PieceModel, rank: int, seed: int) -> None:
        super().__init__()
        self.rank = rank
        generator = torch.Generator().manual_seed(seed)
        self.names = tuple(adapted_layers(model))
        self.down, self.up = nn.ParameterList(), nn.ParameterList()
        for weight in adapted_layers(model).values():
            outputs, inputs = weight.shape
            self.down.append(torch.randn(rank, inputs, generator=generator) / math.sqrt(inputs))
            self.up.append(torch.zeros(outputs, rank))

    def weights(self, model: PieceModel) -> dict[str, Tensor]:
        """The adapted weights by name, with a gradient to the adapter alone."""
        frozen = adapted_layers(model)
        return {
            name: frozen[name].detach() + SCALE * up @ down
            for name, down, up in zip(self.names, self.down, self.up, strict=True)
        }


def adapted(model: PieceModel, adapter: Adapter) -> PieceModel:
    """A copy of ``model`` that plays as the adapter has learned; ``model`` stays as it is."""
    agent = copy.deepcopy(model)
    with torch.no_grad():
        for name, weight in adapter.weights(model).items():
            agent.get_parameter(name).copy_(weight)
    return agent.eval()


@dataclass(frozen=True)
class AgentBundle:
    """An adapter, its card and the folder it lies in."""

    adapter: Adapter
    card: Mapping[str, Any]
    folder: Path

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])

    def writer(self, writer: Writer) -> Writer:
        """The agent, which plays like any writer; ``writer`` stays as it is. Raises ``ValueError`` for another one."""
        if self.card["writer"] != writer.bundle.version:
            raise ValueError(
                f"{self.version} was trained on {self.card['writer']}, not on {writer.bundle.version}; train it again"
            )
        return agent_of(writer, self.adapter, self.version)


def agent_of(writer: Writer, adapter: Adapter, version: str) -> Writer:
    """A writer that plays as ``adapter`` has learned and draws as ``writer`` does."""
    card = {**writer.bundle.card, "version": version}
    return Writer(PieceBundle(adapted(writer.bundle.model, adapter), card, writer.bundle.folder))


def save_agent(folder: Path, adapter: Adapter, card: Mapping[str, Any]) -> None:
    """Write ``agent.safetensors`` and, last, ``card.json``."""
    weights = {name: value.detach().half().contiguous() for name, value in adapter.state_dict().items()}
    FORMAT.save(folder, save(weights), {**card, "rank": adapter.rank})


def load_agent(folder: Path, writer: Writer) -> AgentBundle:
    """The agent in ``folder``; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(folder, problem=f"does not fit {writer.bundle.version}") as found:
        adapter = Adapter(writer.bundle.model, int(found.card["rank"]), seed=0)
        state = {name: value.float() for name, value in load_file(found.weights).items()}
        adapter.load_state_dict(state, strict=True)
    return AgentBundle(adapter.to(next(writer.bundle.model.parameters()).device), found.card, folder)


@dataclass(frozen=True)
class Played:
    """Clips ``pieces`` as the model heard and drew them.

    ``steps`` is what came before each drawn step, ``drawn`` int64 ``(clips, steps, 7)`` those steps in classes, -1
    throughout after a clip's end; ``allowed`` by element, bool ``(clips, steps, classes)``.
    """

    pieces: list[Piece]
    steps: Steps
    drawn: Tensor
    allowed: Mapping[int, Tensor]
    temperature: float


class _Noted(Writing):
    """Writing that notes what might have been drawn."""

    def __init__(self, model: PieceModel, wishes: Wishes, seeds: Sequence[Sequence[int]], places: list[Place]) -> None:
        self.seen: dict[int, list[Seen]] = {element: [] for chain in CHAINS for element in chain}
        super().__init__(model, wishes, seeds, places=places)

    def _allowed(self, element: int, rows: IntArray, logits: npt.NDArray[np.float32]) -> None:
        might = np.isfinite(logits)
        if (self.nucleus[element, rows] < 1).any():
            might &= in_nucleus(logits / self.temperature[element, rows, None], self.nucleus[element, rows])
        self.seen[element].append((len(self.tokens), rows, might))

    def along(self) -> list[Along]:
        """What was told before each step; the first was drawn when nothing was there."""
        places = zip(self.before.tolist(), self.last.tolist(), strict=True)
        first = [before_first(domain=self.wishes.domain, before=before, last=last) for before, last in places]
        begin = Along(np.concatenate([f.conditions for f in first]), np.concatenate([f.bars for f in first]))
        return [begin, *self.told[:-1]]


def in_nucleus(logits: npt.NDArray[np.float32], top_p: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """The likeliest classes of each row of ``logits`` ``(rows, classes)`` whose shares add up to ``top_p`` ``(rows,)``.

    Source: Holtzman et al. 2020.
    """
    order = np.argsort(-logits, axis=1)
    ordered = np.take_along_axis(logits, order, axis=1)
    share = np.exp(ordered - ordered[:, :1])
    before = np.cumsum(share, axis=1) - share
    kept = np.zeros(logits.shape, dtype=np.bool_)
    np.put_along_axis(kept, order, before < top_p[:, None] * share.sum(1, keepdims=True), axis=1)
    return kept


def play(writer: Writer, model: PieceModel, domain: Domain, seeds: Sequence[Sequence[int]]) -> Played:
    """A clip of ``BARS`` bars for each of ``seeds``, drawn by ``model`` where ``writer`` would begin one."""
    sampling = writer.bundle.card.get("sampling", {}).get(domain, {})
    temperature = float(sampling.get("temperature", TEMPERATURE))
    given = sampling.get("nucleus", 1.0)
    nucleus = dict.fromkeys(FIELDS, 1.0) | {
        name: float(given.get(name, 1.0) if isinstance(given, Mapping) else given) for name in OF_NOTES
    }
    wishes = Wishes(DOMAINS.index(domain), BARS, regular=True, temperature=temperature, nucleus=nucleus)
    writing = _Noted(model, wishes, seeds, writer.places(domain, seeds, BARS))
    most = model.config.context
    while not writing.ended.all() and len(writing.tokens) < most:
        writing.step()
    tokens = np.stack(writing.tokens, 1)
    told = writing.along()
    conditions, bars = (np.stack([getattr(each, name) for each in told], 1) for name in ("conditions", "bars"))
    drawn = classes(tokens)
    over = (drawn[..., POSITION] == END).cumsum(1) - (drawn[..., POSITION] == END) > 0
    drawn[over] = ABSENT
    before = np.concatenate([np.full_like(drawn[:, :1], ABSENT), drawn[:, :-1]], 1)
    allowed = {}
    for element, seen in writing.seen.items():
        table = np.ones((*drawn.shape[:2], CLASSES[element]), dtype=np.bool_)
        for step, rows, might in seen:
            table[rows, step] = might
        chosen = np.maximum(drawn[..., element], 0)[..., None]
        np.put_along_axis(table, chosen, values=True, axis=2)  # what lies on the nucleus' edge may be rounded out of it
        allowed[element] = torch.from_numpy(table)
    pieces = [replace(from_tokens(each), domain=domain, source="composed") for each in writing.pieces()]
    steps = Steps(torch.from_numpy(before), torch.from_numpy(conditions), torch.from_numpy(bars))
    return Played(pieces, steps, torch.from_numpy(drawn), allowed, temperature)


class Likelihood(nn.Module):
    """The log-probability of each drawn step ``(clips, steps)``, 0 after a clip's end; training swaps its weights."""

    def __init__(self, model: PieceModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, played: Played) -> Tensor:
        """See the class."""
        drawn = played.drawn.flatten(0, 1)
        state = self.model(played.steps).flatten(0, 1)
        found = state.new_zeros(len(drawn))
        for chain in CHAINS:
            rows = torch.nonzero(drawn[:, chain[0]] >= 0)[:, 0]
            own, step = state.index_select(0, rows), drawn[rows]
            for element in chain:
                logits = self.model.logits(own, element, step)
                might = played.allowed[element].flatten(0, 1)[rows]
                if element == POSITION:
                    logits = _either_end(logits, might)
                logits = (logits / played.temperature).masked_fill(~might, -torch.inf)
                chosen = logits.log_softmax(-1).gather(1, step[:, element, None])[:, 0]
                found = found.index_add(0, rows, chosen)
        likely: Tensor = found.view(played.drawn.shape[:2])
        return likely


def _either_end(logits: Tensor, might: Tensor) -> Tensor:
    """Where only one of BAR and END may come it has the weight of both, as ``grammar.position_logits`` has it."""
    ends = logits[:, [BAR, END]]
    alone = (might[:, BAR] != might[:, END])[:, None]
    over = torch.where(alone, ends.logsumexp(-1, keepdim=True), ends)
    return torch.cat([logits[:, :BAR], over, logits[:, END + 1 :]], -1)
