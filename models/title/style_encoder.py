"""The style model's encoder as a melody encoder: what it hears of each bar, pooled over the bars of a tune.

Three rows of a comparison: ``style_frozen`` takes the trained weights as they are, ``style_tuned`` goes on from them,
``style_scratch`` has the same architecture and nothing else. (The style model has learned from melodies of all the
collections, those of test tunes among them, but from no title.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.music.tokens import LOWEST_PITCH as LOWEST_KEY
from models.music.tokens import METERS as TOKEN_METERS
from models.style.features import FEATURE_SIZES, NoteBatch, bar_features
from models.style.layers import GroupEncoder
from models.style.model import StyleConfig, StyleModel
from models.title.melody_encoders import MelodyConfig, MelodyEncoder, mean_and_max
from models.title.tunes import FIELD_SIZES, FIELDS, LOWEST_PITCH

HEARD = ("content", "rhythm", "register", "harmony")  # one voice as written has no dynamics, texture or tempo to hear
KINDS = ("style_frozen", "style_tuned", "style_scratch")
METER_TOKENS = tuple(TOKEN_METERS.index(m) for m in ((4, 4), (3, 4), (6, 8), (9, 8), (3, 8), (4, 4)))
METER_LENGTHS = (48, 36, 36, 54, 18, 48)  # grid steps, 12 a quarter
TEMPO, VELOCITY = 48, 0.5


class StyleEncoder(MelodyEncoder):
    """The style model's encoders of ``HEARD``, one layer over their means, mean and maximum over the bars."""

    def __init__(self, config: MelodyConfig) -> None:
        super().__init__(config)
        if config.without:
            raise ValueError(f"the style model hears whole bars; it cannot do without {', '.join(config.without)}")
        style = StyleConfig()
        self.encoders = nn.ModuleDict(
            {name: GroupEncoder(FEATURE_SIZES[name], style.hidden, style.latent[name]) for name in HEARD}
        )
        self.join = nn.Linear(sum(style.latent[name] for name in HEARD), config.hidden)
        self.encoders.requires_grad_(config.kind != "style_frozen")

    def transfer(self, model: StyleModel) -> None:
        """Take over the encoders of a trained model; raises ``RuntimeError`` where its sizes are others."""
        for name in HEARD:
            self.encoders[name].load_state_dict(model.encoders[name].state_dict())

    def gathered(self, notes: Tensor, there: Tensor) -> Tensor:
        """``(tunes, 2 hidden)``."""
        bar, count = bars_of(notes, there)
        features = bar_features(note_batch(notes, there, bar, count))
        means = torch.cat([self.encoders[name](features[name])[0] for name in HEARD], -1)
        x = F.gelu(self.join(self.dropout(means)))
        sounding = torch.arange(int(count.max()), device=notes.device) < count[:, None]
        padded = torch.zeros(*sounding.shape, x.shape[-1], device=x.device)
        padded[sounding] = x
        return mean_and_max(padded, sounding)


def bars_of(notes: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """The bar of each note ``(tunes, notes)``, from 0 in each tune, and bars a tune ``(tunes,)``.

    A bar begins where positions fall back, so an excerpt without bar numbers has its bars, too.
    """
    position = notes[..., FIELDS.index("position")]
    begins = (position[:, 1:] <= position[:, :-1]) & there[:, 1:]
    bar = F.pad(begins.long().cumsum(1), (1, 0))
    return bar, torch.where(there, bar, 0).amax(1) + 1


def note_batch(notes: Tensor, there: Tensor, bar: Tensor, count: Tensor) -> NoteBatch:
    """The fields of ``models.title.tunes`` as the style model hears notes; what is unknown stands in the middle."""

    def column(name: str) -> Tensor:
        values = notes[..., FIELDS.index(name)]
        return torch.where(values < 0, FIELD_SIZES[name] // 2, values)

    meter = torch.where(notes[..., FIELDS.index("meter")] < 0, 0, notes[..., FIELDS.index("meter")]).amax(1)
    length = torch.tensor(METER_LENGTHS, device=notes.device)[meter]
    token = torch.tensor(METER_TOKENS, device=notes.device)[meter]
    first = count.cumsum(0) - count
    steps = (2 ** (column("duration") / 2) / 48 * length[:, None]).round().long().clamp(min=1)
    position = (column("position") * length[:, None] / 24).round().long()
    position = torch.minimum(position, length[:, None] - 1)
    return NoteBatch(
        bar=(bar + first[:, None])[there],
        position=position[there],
        pitch=(column("pitch") + LOWEST_PITCH - LOWEST_KEY)[there],
        steps=steps[there],
        velocity=torch.full_like(bar, 1, dtype=torch.float32)[there] * VELOCITY,
        length=length.repeat_interleave(count),
        meter=token.repeat_interleave(count),
        tempo=torch.full((int(count.sum()),), TEMPO, device=notes.device),
        clip=torch.arange(len(count), device=notes.device).repeat_interleave(count),
    )
