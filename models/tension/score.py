"""The beauty score of a piece without any label: how open its future was, and how well its past is recognised.

``future`` rewards uncertainty before each note. ``past`` rewards recognition: that the piece's own bars are found among
others like them, and that what came was likely after what came before. All are standardised over held-out real music
of the domain; ``both`` mixes the two rewards by a dial. Alone each goes wrong: noise has an open future, a loop a past
that is recognised at once.

``curves`` reads a piece note by note and bar by bar. What scores tension is saved as float16 safetensors beside a JSON
card; loading is strict, nothing is pickled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load_file, save
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save as save_tensors

from models.experiments.dataset import is_loose, likely_domain
from models.music.dance_types import beat_ticks
from models.music.midi import SIXTEENTH, on_grid
from models.music.notes import DOMAINS, TICKS_PER_QUARTER, Domain, MusicError, Piece
from models.music.tokens import from_tokens
from models.style.bundle import BundleFormat
from models.style.checkpoint import load_style
from models.style.pieces.conditions import regular_tokens
from models.style.pieces.model import PieceModel, load_pieces_model
from models.tension.curves import Curves, HeardBeat, HeardNote, Recognition
from models.tension.future import MOST_STEPS, NotePredictions, predict_notes
from models.tension.past import Others, Recogniser, bars_of, recognised
from models.tension.unfolding import Heads

Floats = npt.NDArray[np.float64]

MEASURES = ("surprise", "uncertainty", "own_bars")
# Chosen on validation music: the share of the future in both, and of the piece's own bars in the past
DIAL, OWN_BARS = 0.2, 0.4

SHIPPED = "tension-cpu"
FORMAT = BundleFormat(
    "tension", "tension model", "python -m models.train.tension makes one", ("preset", "steps", "seed")
)
HEADS = "heads"
COLUMNS = ("places", "piece", "meter", "minor", "density")

DECIMALS = 3


@dataclass(frozen=True)
class Measured:
    """Means over a piece: ``surprise`` and ``uncertainty`` of a note, and ``own_bars``, the log chance that a bar is
    recognised as the piece's own; nats, the last one 0 where too few bars can be asked about.
    """

    surprise: float
    uncertainty: float
    own_bars: float


@dataclass(frozen=True)
class Usual:
    """Mean and standard deviation of each of ``MEASURES`` over real pieces."""

    mean: Mapping[str, float]
    sd: Mapping[str, float]

    @classmethod
    def of(cls, real: Sequence[Measured]) -> Usual:
        """From held-out real pieces, of which two at least are needed."""
        columns = {name: np.array([getattr(each, name) for each in real]) for name in MEASURES}
        return cls(
            {name: float(values.mean()) for name, values in columns.items()},
            {name: max(float(values.std()), 1e-6) for name, values in columns.items()},
        )

    def standard(self, found: Measured, name: str) -> float:
        """A measure of a piece in standard deviations from the usual."""
        return float((getattr(found, name) - self.mean[name]) / self.sd[name])


@dataclass(frozen=True)
class Score:
    """Rewards in standard deviations of real music of the domain."""

    future: float
    past: float

    def both(self, dial: float = DIAL) -> float:
        """The two rewards, the future with the share ``dial``."""
        return dial * self.future + (1 - dial) * self.past

    def lesser(self) -> float:
        """What writing is rewarded for: the two go against each other there, and a sum goes the way of one of them."""
        return min(self.future, self.past)


def score(found: Measured, usual: Usual) -> Score:
    """What a piece is worth beside real ones."""
    own, surprise = usual.standard(found, "own_bars"), usual.standard(found, "surprise")
    return Score(usual.standard(found, "uncertainty"), OWN_BARS * own - (1 - OWN_BARS) * surprise)


@dataclass(frozen=True)
class Ears:
    """The two models that read a piece, and by domain the bars among which its own are to be recognised."""

    model: PieceModel
    recogniser: Recogniser
    others: Mapping[str, Others]

    def measure(self, piece: Piece, domain: Domain | None = None) -> Measured:
        """Raises ``MusicError`` where there is no note."""
        predicted: NotePredictions = predict_notes(self.model, piece, domain)
        name = piece.domain or domain or "pop"
        chances = recognised(self.recogniser, bars_of(self.model, piece, domain), self.others[name])
        own = float(np.nanmean(chances)) if np.isfinite(chances).any() else 0.0
        return Measured(float(predicted.surprise.sum(1).mean()), float(predicted.uncertainty.sum(1).mean()), own)


@dataclass(frozen=True)
class TensionBundle:
    """Two models that read a piece, what is usual in real music by domain, their card, and heads on their states."""

    ears: Ears
    usual: Mapping[str, Usual]
    card: Mapping[str, Any]
    folder: Path | None = None
    heads: Heads | None = None

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])


def _heads(folder: Path, about: Mapping[str, Any]) -> Heads:
    """Those beside the recogniser; raises ``ValueError`` where they hear bars by another style model."""
    style = load_style(about["style"]["name"])
    if style.version != about["style"]["version"]:
        raise ValueError(
            f"the heads in {folder} hear bars by the style model {about['style']['version']}, {style.version} is here; "
            "train it again with python -m models.train.tension"
        )
    return Heads.of(style.model, load_tensors(folder / f"{HEADS}.safetensors"), about)


def beauty(bundle: TensionBundle, pieces: Sequence[Piece]) -> Floats:
    """The lesser reward of each piece ``(pieces,)``; not a number for one that can't be heard."""
    found = np.full(len(pieces), np.nan)
    for row, piece in enumerate(pieces):
        try:
            domain = piece.domain or likely_domain(piece)
            found[row] = score(bundle.ears.measure(piece, domain), bundle.usual[domain]).lesser()
        except MusicError:
            continue
    return found


def save_tension(
    folder: Path,
    ears: Ears,
    usual: Mapping[str, Usual],
    *,
    heads: Heads,
    card: Mapping[str, Any],
    held_out: Mapping[str, Sequence[str]],
) -> None:
    """Write ``tension.safetensors``, ``heads.safetensors``, ``held_out.json`` (names by part), and last ``card.json``.

    What the card says of the heads has their classes as well.
    """
    arrays = {
        f"recogniser.{name}": value.detach().half().numpy() for name, value in ears.recogniser.state_dict().items()
    }
    for domain, bars in ears.others.items():
        arrays[f"{domain}.places"] = bars.places.astype(np.float16)
        arrays |= {f"{domain}.{name}": getattr(bars, name).astype(np.int32) for name in COLUMNS[1:]}
    full = {
        **card,
        "usual": {domain: asdict(found) for domain, found in usual.items()},
        "heads": {**card["heads"], **heads.about()},
    }
    named = {part: sorted(names) for part, names in held_out.items()}
    FORMAT.save(folder, save(arrays), full, held_out=named, beside={HEADS: save_tensors(heads.arrays())})


def load_tension(name_or_path: str | Path = SHIPPED) -> TensionBundle:
    """A shipped one by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(name_or_path) as found:
        pieces = load_pieces_model(found.card["pieces"]["name"])
        if pieces.version != found.card["pieces"]["version"]:
            raise ValueError(
                f"{found.folder} was trained with the piece model {found.card['pieces']['version']}, {pieces.version} "
                "is here; train it again with python -m models.train.tension"
            )
        heads = _heads(found.folder, found.card["heads"]) if "heads" in found.card else None
        arrays = load_file(found.weights)
        state = {
            name.removeprefix("recogniser."): torch.from_numpy(value.astype(np.float32))
            for name, value in arrays.items()
            if name.startswith("recogniser.")
        }
        recogniser = Recogniser(pieces.model.config.dim, int(found.card["hidden"]))
        recogniser.load_state_dict(state, strict=True)
        others: dict[str, Others] = {
            domain: Others(
                arrays[f"{domain}.places"].astype(np.float32),
                *(arrays[f"{domain}.{name}"].astype(np.int64) for name in COLUMNS[1:]),
            )
            for domain in DOMAINS
            if f"{domain}.places" in arrays
        }
        usual = {domain: Usual(**each) for domain, each in found.card["usual"].items()}
    return TensionBundle(Ears(pieces.model, recogniser.eval(), others), usual, found.card, found.folder, heads)


def curves(bundle: TensionBundle, piece: Piece) -> Curves:
    """Hear a piece as music of its own domain, or of the one that is recognised in its first bars.

    Raises ``MusicError`` where there is no note.
    """
    loose, model, heads = is_loose(piece), bundle.ears.model, bundle.heads
    if loose:
        piece = replace(piece, notes=on_grid(piece.notes.astype(np.int64), TICKS_PER_QUARTER, SIXTEENTH))
    tokens = regular_tokens(piece)
    first = tokens[:MOST_STEPS]
    recognitions = heads.recognised(model, first) if heads else ()
    domain = piece.domain or _domain_of(recognitions) or likely_domain(piece)
    predicted = predict_notes(model, piece, domain)
    chances = recognised(bundle.ears.recogniser, bars_of(model, piece, domain), bundle.ears.others[domain])
    own = float(np.nanmean(chances)) if np.isfinite(chances).any() else 0.0
    measured = Measured(float(predicted.surprise.sum(1).mean()), float(predicted.uncertainty.sum(1).mean()), own)
    usual = bundle.usual[domain]
    rewards = score(measured, usual)
    surprise, uncertainty = predicted.by_bar()
    silent = int(np.searchsorted(piece.bars[:, 0], piece.notes[:, 0].min(), "right")) - 1
    sounding = from_tokens(first)
    return Curves(
        domain, rewards.future, rewards.past, rewards.both(), _notes(predicted, sounding),
        _numbers(surprise), _numbers(uncertainty), _numbers(np.exp(chances)), len(tokens) <= MOST_STEPS, loose,
        round(usual.mean["surprise"], DECIMALS), round(usual.mean["uncertainty"], DECIMALS), silent,
        _beats(predicted, sounding), recognitions, heads.foreseen(model, first, domain) if heads else (),
    )  # fmt: skip


def _domain_of(recognitions: Sequence[Recognition]) -> Domain | None:
    """The likeliest domain after the last bar that was asked about; None where none is recognised."""
    told = [each.likeliest[-1][0][0] for each in recognitions if each.task == "domain"]
    return next((domain for domain in DOMAINS if domain in told), None)


def _notes(predicted: NotePredictions, sounding: Piece) -> tuple[HeardNote, ...]:
    begins, ticks = sounding.bars[:, 0], sounding.bars[:, 1]
    ticks_at, lengths, pitches = sounding.notes[:, :3].T
    onset = predicted.bar + (ticks_at - begins[predicted.bar]) / ticks[predicted.bar]
    figures = (onset, lengths / ticks[predicted.bar], predicted.surprise.sum(1), predicted.uncertainty.sum(1))
    rows = np.round(np.stack(figures, axis=1), DECIMALS).tolist()
    return tuple(
        HeardNote(
            start, length, int(pitch), surprise, uncertainty,
            tuple((int(each), round(float(chance), DECIMALS)) for each, chance in zip(likely, chances, strict=True)),
        )
        for (start, length, surprise, uncertainty), pitch, likely, chances in zip(
            rows, pitches, predicted.expected, predicted.chance, strict=True
        )
    )  # fmt: skip


def _beats(predicted: NotePredictions, sounding: Piece) -> tuple[HeardBeat, ...]:
    begins, ticks = sounding.bars[:, 0], sounding.bars[:, 1]
    felt = np.array([beat_ticks(above, below) for above, below in sounding.bars[:, 2:4].tolist()])
    beat = (sounding.notes[:, 0] - begins[predicted.bar]) // felt[predicted.bar]
    length = felt[predicted.bar] / ticks[predicted.bar]
    onsets, first, owner = np.unique(predicted.bar + beat * length, return_index=True, return_inverse=True)
    figures = [
        np.bincount(owner, each.sum(1)) / np.bincount(owner) for each in (predicted.surprise, predicted.uncertainty)
    ]
    return tuple(
        HeardBeat(*row) for row in np.round(np.stack([onsets, length[first], *figures], axis=1), DECIMALS).tolist()
    )


def _numbers(values: npt.NDArray[np.float64]) -> tuple[float | None, ...]:
    return tuple(round(float(value), DECIMALS) if np.isfinite(value) else None for value in values)
