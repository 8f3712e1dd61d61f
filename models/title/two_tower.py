"""Melodies and titles in one space: two encoders, cosine similarity, a symmetric contrastive loss.

Source: InfoNCE (van den Oord et al. 2018) over a batch in both directions with a learned temperature, as in CLIP
(Radford et al. 2021) and MuLan (Huang et al. 2022).

Ablations take information away from tunes and titles, to measure by its lack what it is worth. A field of the notes is
silenced inside the encoders (``melody_encoders.INFORMATION``); what no field holds is taken away before tune and title
are read: the order of a tune's bars, and what a title is besides its letters. What is left may tell of what went:
durations are shares of a bar, so without the meter its beat can still be heard.

Linear towers begin at the principal components of the melodies and ridge regression from titles to them. Both are in
closed form (Hoerl & Kennard 1970), so contrastive training starts from what is linear in the pairs. Towers are saved as
fp16 safetensors beside a JSON card; loading is strict, nothing is pickled.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save
from scipy.linalg import solve
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn import functional as F

from models.style.bundle import CARD, BundleFormat, write_card
from models.title import melody_encoders, title_encoders
from models.title.melody_encoders import BODIES, INFORMATION, MelodyConfig, MelodyEncoder, SequenceEncoder, padded
from models.title.title_encoders import SENTENCE, TitleConfig, characters, title_encoder
from models.title.tunes import FIELD_SIZES, FIELDS, IntTable, Tune, spelled, without_type_words

MELODY_KINDS = ("linear", "bag", *BODIES, *melody_encoders.STYLE_KINDS)
SHARPEST = 100.0  # the temperature is not to fall below 1 / 100, as in CLIP
AT_ONCE = 256

BAR_ORDER = "bar_order"
MELODY_INFORMATION = (*INFORMATION, BAR_ORDER)
TITLE_INFORMATION: Mapping[str, Callable[[str], str]] = {
    "type_words": without_type_words,
    "words": lambda title: re.sub(r"[^ ]", "x", spelled(title)),  # how many and how long they are is left
    "word_order": lambda title: " ".join(sorted(spelled(title).split())),
    "all_but_characters": lambda title: "".join(sorted(spelled(title).replace(" ", ""))),
}
INTERVAL, PITCH, POSITION, BAR = (FIELDS.index(name) for name in ("interval", "pitch", "position", "bar"))

RIDGE_PENALTY = 20.0

DEFAULT = "titles-cpu"
FORMAT = BundleFormat("towers", "pair of title towers", "python -m models.train.titles makes some, in OUT/bundle", ())


@dataclass(frozen=True)
class TowerConfig:
    """The two encoders, whose ``dim`` must agree."""

    melody: MelodyConfig = field(default_factory=MelodyConfig)
    title: TitleConfig = field(default_factory=TitleConfig)


@dataclass(frozen=True)
class TowerOutput:
    """Unit vectors of melodies and titles ``(pairs, dim)`` and what their cosines are multiplied with."""

    melody: Tensor
    title: Tensor
    scale: Tensor

    def loss(self) -> Tensor:
        """Cross-entropy of finding the other half of each pair in the batch, mean of both directions, nats."""
        logits = self.scale * self.melody @ self.title.T
        own = torch.arange(len(logits), device=logits.device)
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def melody_encoder(config: MelodyConfig) -> MelodyEncoder:
    """The encoder that ``config.kind`` names."""
    others: dict[str, type[MelodyEncoder]] = {
        "linear": melody_encoders.LinearEncoder,
        "bag": melody_encoders.BagEncoder,
        **dict.fromkeys(melody_encoders.STYLE_KINDS, melody_encoders.StyleEncoder),
    }
    return others.get(config.kind, SequenceEncoder)(config)


class TwoTower(nn.Module):
    """A melody encoder, a title encoder and a temperature."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        if config.melody.dim != config.title.dim:
            raise ValueError(f"the towers' vectors have {config.melody.dim} and {config.title.dim} dimensions")
        self.config = config
        self.melody = melody_encoder(config.melody)
        self.title = title_encoder(config.title)
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, notes: Tensor, title: Tensor) -> TowerOutput:
        """Notes as ``played`` gives them and titles as ``spelled`` does."""
        scale = self.log_scale.exp().clamp(max=SHARPEST)
        melody, words = F.normalize(self.melody(notes), dim=-1), F.normalize(self.title(title), dim=-1)
        return TowerOutput(melody, words, scale)

    def played(self, melodies: Sequence[IntTable]) -> Tensor:
        """Notes as the melody encoder takes them, less what it may not hear: int64 ``(tunes, notes, fields)``."""
        return padded([ablate_melody(notes, self.config.melody.without) for notes in melodies])

    def spelled(self, titles: Sequence[str]) -> Tensor:
        """Titles as the title encoder takes them, less what it may not read: int64 ``(titles, LONGEST_TITLE)``.

        For a sentence encoder their vectors ``(titles, sentences.WIDTH)``.
        """
        left = [ablate_title(title, self.config.title.without) for title in titles]
        return title_encoders.sentence_vectors(left) if self.config.title.kind == SENTENCE else characters(left)

    def melodies(self, tunes: Sequence[Tune]) -> npt.NDArray[np.float32]:
        """Unit vectors ``(tunes, dim)``; call it in eval mode."""
        return self._heard(tunes, lambda notes: F.normalize(self.melody(notes), dim=-1))

    def pooled(self, tunes: Sequence[Tune]) -> npt.NDArray[np.float32]:
        """What the melody tower knows before its last layer: ``(tunes, 2 hidden)``; call it in eval mode."""
        return self._heard(tunes, self.melody.pooled)

    @torch.inference_mode()
    def titles(self, titles: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors ``(titles, dim)``; call it in eval mode."""
        device = self.log_scale.device
        return F.normalize(self.title(self.spelled(titles).to(device)), dim=-1).cpu().numpy()

    @torch.inference_mode()
    def _heard(self, tunes: Sequence[Tune], hear: Callable[[Tensor], Tensor]) -> npt.NDArray[np.float32]:
        device = self.log_scale.device
        batches = [[t.notes for t in tunes[i : i + AT_ONCE]] for i in range(0, len(tunes), AT_ONCE)]
        return torch.cat([hear(self.played(batch).to(device)).cpu() for batch in batches]).numpy()


class TowerEnsemble(nn.Module):
    """Several pairs of towers that are asked together: a cosine is the mean of theirs."""

    def __init__(self, members: Sequence[TwoTower]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def melodies(self, tunes: Sequence[Tune]) -> npt.NDArray[np.float32]:
        """Unit vectors ``(tunes, dim of all)``; call it in eval mode."""
        return self._joined([towers.melodies(tunes) for towers in self.towers])

    def titles(self, titles: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors ``(titles, dim of all)``; call it in eval mode."""
        return self._joined([towers.titles(titles) for towers in self.towers])

    def pooled(self, tunes: Sequence[Tune]) -> npt.NDArray[np.float32]:
        """What the melody towers know before their last layers, side by side."""
        return np.concatenate([towers.pooled(tunes) for towers in self.towers], axis=1)

    @property
    def towers(self) -> list[TwoTower]:
        """The members."""
        return [member for member in self.members if isinstance(member, TwoTower)]

    def _joined(self, vectors: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        return np.concatenate(vectors, axis=1) / np.float32(math.sqrt(len(vectors)))


def ablate_melody(notes: IntTable, without: Sequence[str]) -> IntTable:
    """The notes ``(notes, fields)`` of a tune, with its bars in random order where ``without`` names it."""
    return shuffled_bars(notes) if BAR_ORDER in without else notes


def ablate_title(title: str, without: Sequence[str]) -> str:
    """The title without what ``without`` names; may be empty."""
    for name in without:
        title = TITLE_INFORMATION[name](title)
    return title


def shuffled_bars(notes: IntTable) -> IntTable:
    """Bars in an order that depends on the notes alone, counted anew; intervals into them are those now heard.

    A bar begins where positions fall back. An interval whose two pitches aren't known is unknown.
    """
    begins = np.append(0, np.flatnonzero(np.diff(notes[:, POSITION]) <= 0) + 1)
    bars = np.split(notes, begins[1:])
    order = np.random.default_rng(zlib.crc32(notes.tobytes())).permutation(len(bars))
    table = np.concatenate([bars[index] for index in order])
    told = table[:, BAR] >= 0
    number = np.repeat(np.arange(len(bars)), [len(bars[index]) for index in order])
    table[told, BAR] = np.minimum(number, FIELD_SIZES["bar"] - 1)[told]
    first = np.cumsum([0, *(len(bars[index]) for index in order[:-1])])
    steps = np.clip(table[first, PITCH] - table[first - 1, PITCH], -12, 12) + 12
    known = (table[first, PITCH] >= 0) & (table[first - 1, PITCH] >= 0) & (table[:, INTERVAL] >= 0).any()
    table[first, INTERVAL] = np.where(known & (first > 0), steps, -1)
    return table


@torch.no_grad()
def fit_linear(towers: TwoTower, tunes: Sequence[Tune]) -> None:
    """Fit towers of two linear encoders to ``tunes``, every title a pair; raises ``TypeError`` for other encoders."""
    melody, title = towers.melody, towers.title
    if not isinstance(melody, melody_encoders.LinearEncoder) or not isinstance(title, title_encoders.LinearEncoder):
        raise TypeError(f"towers of kind {towers.config.melody.kind}-{towers.config.title.kind} are not linear")
    notes = towers.played([tune.notes for tune in tunes])
    melody.fit(notes)
    owners = [index for index, tune in enumerate(tunes) for _ in tune.titles]
    wanted = melody.pooled(notes)[owners]
    grams = title_encoders.hashed_grams(towers.spelled([name for tune in tunes for name in tune.titles]))
    title.count(grams)
    centre = wanted.mean(0)
    weight, mean = ridge(title.weights(grams), grams, wanted - centre, len(title.idf))
    title.table.weight.copy_(weight)
    title.bias.copy_(centre - mean @ weight)


def ridge(weights: Tensor, grams: Tensor, wanted: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Coefficients ``(width, dim)`` from sparse rows to centred ``wanted`` ``(rows, dim)``, and the rows' mean.

    A row has ``weights`` ``(rows, n)`` at the columns ``grams``. Solved in the dual: there are fewer rows than columns.
    """
    ends = np.arange(len(grams) + 1) * grams.shape[1]
    table = csr_array((weights.double().numpy().ravel(), grams.numpy().ravel(), ends), shape=(len(grams), width))
    table.sum_duplicates()
    table.eliminate_zeros()  # what stands for padding is in every row, many times
    mean = np.asarray(table.mean(axis=0))
    along = table @ mean
    inner = (table @ table.T).toarray() - along[:, None] - along + mean @ mean
    dual = solve(inner + RIDGE_PENALTY * np.eye(len(inner)), wanted.double().numpy(), assume_a="pos")
    found = table.T @ dual - np.outer(mean, dual.sum(0))
    return torch.from_numpy(found).float(), torch.from_numpy(mean).float()


@dataclass(frozen=True)
class TitleBundle:
    """Towers, their card, and the names of the tunes that were held out by part ("validation", "test")."""

    towers: TowerEnsemble
    card: Mapping[str, Any]
    held_out: Mapping[str, Sequence[str]]
    folder: Path | None = None

    @property
    def version(self) -> str:
        """The version of the space: vectors of another one don't mix with it."""
        return str(self.card["version"])


def config_of(data: Mapping[str, Any]) -> TowerConfig:
    """A config from what ``asdict`` made of it."""
    melody = {**data["melody"], "without": tuple(data["melody"]["without"])}
    title = {**data["title"], "without": tuple(data["title"].get("without", ()))}
    return TowerConfig(MelodyConfig(**melody), TitleConfig(**title))


def save_towers(
    folder: Path, towers: TowerEnsemble, card: Mapping[str, Any], held_out: Mapping[str, Sequence[str]]
) -> None:
    """Write ``towers.safetensors``, ``held_out.json`` and, last, ``card.json`` into ``folder``."""
    weights = {name: value.detach().cpu().half().contiguous() for name, value in towers.state_dict().items()}
    full = {**card, "config": [asdict(member.config) for member in towers.towers]}
    FORMAT.save(folder, save(weights), full, held_out={part: sorted(names) for part, names in held_out.items()})


def load_towers(name_or_path: str | Path = "default") -> TitleBundle:
    """Load shipped towers by name or your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(DEFAULT if name_or_path == "default" else name_or_path) as found:
        towers = TowerEnsemble([TwoTower(config_of(config)) for config in found.card["config"]])
        weights = {name: value.float() for name, value in load_file(found.weights).items()}
        towers.load_state_dict(weights, strict=True)
    return TitleBundle(towers.eval(), found.card, found.held_out(), found.folder)


def note_in_card(bundle: TitleBundle, measured: Mapping[str, Any]) -> None:
    """Write what was measured into the card of a bundle, where the pages read it."""
    if bundle.folder is None:
        raise ValueError("towers that were never saved have no card")
    card = json.loads((bundle.folder / CARD).read_text(encoding="utf-8"))
    write_card(bundle.folder, {**card, "measured": dict(measured)})
