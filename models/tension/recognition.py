"""Recognition: domain, collection, meter, key and mood of a piece after its first one, two, four and eight bars.

Each task has a small softmax head on the piece model's mean state so far (which is not conditioned on the domain; the
meter stands in each BAR step) or on plain statistics; or ``OwnTrunk``, a small network of its own that reads the same
notes. A piece is an example four times, after each of ``MARKS`` bars.

``OwnTrunk`` has causal convolutions over the steps of an opening, and the mean of their states so far (van den Oord et
al. 2016). It has the data of the heads that share a trunk, and nothing else to learn from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.music.keys import likely_key
from models.style.layers import Multihot
from models.style.pieces.conditions import ABSENT, CLASSES
from models.tension.reading import MARKS, Read
from models.tension.training import fitted

IntArray = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Labels = Callable[[Read], "str | int | None"]

DIM, WIDTH, DILATIONS = 64, 5, (1, 4, 16)  # it hears 84 steps back
DROPPED = 0.2
OPENINGS_A_STEP = 32

FIFTHS = 5
HIDDEN, STEPS, OWN_STEPS = 96, 500, 400
INPUTS: Mapping[str, Callable[[Read], Floats32]] = {
    "trunk": lambda piece: piece.marks,
    "statistics": lambda piece: piece.plain_marks,
}


@dataclass(frozen=True)
class Openings:
    """The first bars of pieces: ``steps`` ``(pieces, steps, 7)`` in classes, -1 throughout after the last one.

    ``ends`` ``(pieces, 4)``: how many steps each of ``MARKS`` bars has; ``label`` ``(pieces,)``: the class,
    -1 where there is none.
    """

    steps: Tensor
    ends: Tensor
    label: Tensor

    @classmethod
    def of(cls, pieces: Sequence[Read], labels: Sequence[int]) -> Openings:
        """From what was read of pieces."""
        steps = np.full((len(pieces), max(len(piece.opening) for piece in pieces), len(CLASSES)), ABSENT)
        for row, piece in zip(steps, pieces, strict=True):
            row[: len(piece.opening)] = piece.opening
        ends = np.stack([piece.ends for piece in pieces])
        return cls(torch.from_numpy(steps), torch.from_numpy(ends), torch.tensor(labels))

    def some(self, rows: IntArray) -> Openings:
        """Those of the given rows, as long as the longest of them."""
        at = torch.from_numpy(rows)
        ends = self.ends[at]
        return Openings(self.steps[at, : int(ends.max())], ends, self.label[at])


class OwnTrunk(nn.Module):
    """Logits of a task's classes after each of ``MARKS`` bars."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.embed = Multihot([*CLASSES], DIM)
        nn.init.normal_(self.embed.weight, std=0.3)
        self.layers = nn.ModuleList([nn.Conv1d(DIM, DIM, WIDTH, dilation=each) for each in DILATIONS])
        self.out = nn.Linear(DIM, classes)

    def forward(self, openings: Openings) -> Tensor:
        """``(pieces, 4, classes)``."""
        x = self.embed(list(openings.steps.unbind(-1))).transpose(1, 2)
        for layer, dilation in zip(self.layers, DILATIONS, strict=True):
            before = F.pad(F.dropout(x, DROPPED, self.training), (dilation * (WIDTH - 1), 0))
            x = x + F.gelu(layer(before))
        ends = openings.ends[:, None].expand(-1, DIM, -1)
        mean = x.cumsum(2).gather(2, ends - 1) / ends
        found: Tensor = self.out(F.dropout(mean.transpose(1, 2), DROPPED, self.training))
        return found


def own_trunk_loss(network: OwnTrunk, openings: Openings) -> Tensor:
    """The mean over ``MARKS`` of the cross-entropy, ``(pieces,)``; 0 for a piece without a label."""
    logits = network(openings)
    label = openings.label.clamp(min=0)[:, None].expand(-1, logits.shape[1])
    each = F.cross_entropy(logits.transpose(1, 2), label, reduction="none").mean(1)
    return each * (openings.label >= 0)


def tasks(train: Sequence[Read]) -> dict[str, Labels]:
    """What is to be recognised; None where a piece doesn't say. Fifths of mood lie as in ``train``, by domain."""
    return {
        "domain": lambda piece: piece.domain,
        "collection": lambda piece: piece.collection if piece.domain == "dance" else None,  # the others have one
        "meter": lambda piece: piece.meter,
        "key": lambda piece: piece.key,
        "valence": _fifths(train, 0),
        "arousal": _fifths(train, 1),
    }


def _fifths(train: Sequence[Read], column: int) -> Labels:
    edges = {}
    for domain in {piece.domain for piece in train}:
        values = np.array([piece.mood[column] for piece in train if piece.domain == domain])
        known = values[np.isfinite(values)]
        edges[domain] = np.quantile(known, np.arange(1, FIFTHS) / FIFTHS) if len(known) else np.zeros(FIFTHS - 1)

    def fifth(piece: Read) -> int | None:
        value = piece.mood[column]
        known = np.isfinite(value) and piece.domain in edges
        return int(np.searchsorted(edges[piece.domain], value, "right")) if known else None

    return fifth


@dataclass(frozen=True)
class Examples:
    """``features`` ``(rows, inputs)`` with the class labels ``(rows,)``."""

    features: Tensor
    label: Tensor

    def some(self, rows: IntArray) -> Examples:
        """Those of the given rows."""
        at = torch.from_numpy(rows)
        return Examples(self.features[at], self.label[at])


class RecognitionHead(nn.Module):
    """Logits of a task's classes from standardised features and the number of bars so far."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(inputs, HIDDEN), nn.GELU(), nn.Dropout(0.2), nn.Linear(HIDDEN, classes)
        )

    def forward(self, examples: Examples) -> Tensor:
        """``(rows, classes)``."""
        found: Tensor = self.layers(examples.features)
        return found


@dataclass(frozen=True)
class Answers:
    """Of one task: whether each test piece was right after each of ``MARKS`` bars ``(pieces, 4)``, by the head's input.

    ``majority`` ``(pieces,)``: whether the commonest class of the training pieces of its domain was right.
    """

    songs: list[str]
    right: Mapping[str, Floats]
    majority: Floats
    classes: int


def recognise(
    label: Labels,
    parts: Mapping[str, Sequence[Read]],
    *,
    seed: int,
    steps: int = STEPS,
    own_steps: int = OWN_STEPS,
) -> Answers | None:
    """Fit heads on "train", choose on "validation", ask on "test"; None where there are fewer than two classes."""
    known = {name: [piece for piece in pieces if label(piece) is not None] for name, pieces in parts.items()}
    values = sorted({label(piece) for piece in known["train"]}, key=str)
    if len(values) < 2 or not known["test"] or not known["validation"]:
        return None
    torch.manual_seed(seed)  # of the weights that each begins with
    place = {value: number for number, value in enumerate(values)}
    right: dict[str, Floats] = {}
    labels = {part: [place.get(label(each), -1) for each in pieces] for part, pieces in known.items()}
    for name, input_of in INPUTS.items():
        inputs = {part: np.stack([input_of(piece) for piece in pieces]) for part, pieces in known.items()}
        mean, sd = inputs["train"].mean((0, 1)), inputs["train"].std((0, 1)) + 1e-3
        rows = {part: examples((inputs[part] - mean) / sd, labels[part]) for part in known}
        fit = fitted(
            RecognitionHead(rows["train"].features.shape[1], len(values)), recognition_loss,
            rows["train"], rows["validation"], count=len(rows["train"].label), steps=steps, seed=seed,
        )  # fmt: skip
        with torch.inference_mode():
            predicted = fit(rows["test"]).argmax(1)
        right[name] = (predicted == rows["test"].label).double().numpy().reshape(-1, len(MARKS))
    openings = {part: Openings.of(pieces, labels[part]) for part, pieces in known.items()}
    own = fitted(
        OwnTrunk(len(values)), own_trunk_loss, openings["train"], openings["validation"],
        count=len(labels["train"]), steps=own_steps, seed=seed, each=OPENINGS_A_STEP,
    )  # fmt: skip
    with torch.inference_mode():
        right["own_trunk"] = (own(openings["test"]).argmax(2) == openings["test"].label[:, None]).double().numpy()
    common = commonest(known["train"], label)
    majority = np.array([float(common.get(each.domain) == label(each)) for each in known["test"]])
    return Answers([f"{each.domain} {each.song}" for each in known["test"]], right, majority, len(values))


def by_profile(pieces: Sequence[Read]) -> Floats:
    """Whether the key whose profile fits best so far is the whole piece's ``(pieces, 4)`` ."""
    return np.array(
        [[float(likely_key(mean[:12]) == piece.key) for mean in piece.plain_marks] for piece in pieces]
    ).reshape(-1, len(MARKS))


def examples(features: Floats32, labels: Sequence[int]) -> Examples:
    """Four rows a piece: standardised ``features`` ``(pieces, 4, inputs)``, which of ``MARKS`` it is, and labels."""
    after = np.broadcast_to(np.eye(len(MARKS), dtype=np.float32), (len(features), len(MARKS), len(MARKS)))
    rows = np.concatenate([features, after], 2).reshape(len(features) * len(MARKS), -1)
    return Examples(torch.from_numpy(rows.astype(np.float32)), torch.tensor(np.repeat(labels, len(MARKS))))


def recognition_loss(head: RecognitionHead, rows: Examples) -> Tensor:
    """Cross-entropy ``(rows,)``; 0 for a row without a label."""
    return F.cross_entropy(head(rows), rows.label.clamp(min=0), reduction="none") * (rows.label >= 0)


def commonest(pieces: Sequence[Read], label: Labels) -> dict[str, str | int | None]:
    """The class that most pieces of a domain have, by domain."""
    found = {}
    for domain in {piece.domain for piece in pieces}:
        labels = [label(piece) for piece in pieces if piece.domain == domain]
        found[domain] = max(sorted(set(labels), key=str), key=labels.count)
    if len(found) > 1 and found == {domain: domain for domain in found}:  # the domain itself is asked for
        return dict.fromkeys(found, max(sorted(found), key=[piece.domain for piece in pieces].count))
    return found
