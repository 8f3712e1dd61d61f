"""Clips that the policy plays, with all that says how likely each note was: what it might have drawn in its place.

The policy is the piece model behind the grammar at its usual temperature. It draws from all classes, without a nucleus,
so that its probabilities are exactly those that the objective compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from models.music.notes import DOMAINS, Domain, Piece
from models.music.tokens import BAR, END, POSITION, from_tokens
from models.style.latents import BARS
from models.style.pieces.conditions import ABSENT, CLASSES, Along, before_first, classes
from models.style.pieces.model import CHAINS, PieceModel, Steps
from models.style.pieces.sampling import Writer
from models.style.pieces.wishes import TEMPERATURE, Place, Wishes
from models.style.pieces.writing import Writing

IntArray = npt.NDArray[np.int64]
Seen = tuple[int, IntArray, npt.NDArray[np.bool_]]  # step, rows, what each might draw


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
        self.seen[element].append((len(self.tokens), rows, np.isfinite(logits)))

    def along(self) -> list[Along]:
        """What was told before each step; the first was drawn when nothing was there."""
        places = zip(self.before.tolist(), self.last.tolist(), strict=True)
        first = [before_first(domain=self.wishes.domain, before=before, last=last) for before, last in places]
        begin = Along(np.concatenate([f.conditions for f in first]), np.concatenate([f.bars for f in first]))
        return [begin, *self.told[:-1]]


def play(writer: Writer, model: PieceModel, domain: Domain, seeds: Sequence[Sequence[int]]) -> Played:
    """A clip of ``BARS`` bars for each of ``seeds``, drawn by ``model`` where ``writer`` would begin one."""
    temperature = float(writer.bundle.card.get("sampling", {}).get(domain, {}).get("temperature", TEMPERATURE))
    wishes = Wishes(DOMAINS.index(domain), BARS, regular=True, temperature=temperature, nucleus=1.0)
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
