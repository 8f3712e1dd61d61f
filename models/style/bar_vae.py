"""VAEs of one-bar lines: one encoder that sees all (β-VAE, AR-VAE), or a restricted encoder a latent group (ours).

All share a decoder: a plan of sixteen places from the latents, then a GRU that writes step by step and hears its last
token. With one encoder the plan is one MLP; in ours each group's element decoder tells its own side of the bar from its
own latents, and the plan lays the order of pitches along the onsets. At 32 latents a bar, hidden 128: about 0.5 M
parameters each. After MeasureVAE (Pati et al. 2019: GRU encoder, 32 latents) and the project's style model.

Fitted VAEs of one-bar lines in a folder: safetensors beside a JSON card; loading is strict, nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from models.music.lines import CLASSES, FIRST_PITCH, HOLD, ONSET_WEIGHTS, REST, STEPS
from models.style.layers import Posterior, norm


def save_bars(folder: Path, name: str, model: BarVAE, card: Mapping[str, Any]) -> None:
    """Write ``NAME.safetensors`` and, last, ``NAME.json`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.part"
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, part)
    part.replace(folder / f"{name}.safetensors")
    full = {**card, "grouped": isinstance(model, GroupedBarVAE), "config": asdict(model.config)}
    (folder / f"{name}.json").write_text(json.dumps(full, indent=2) + "\n", encoding="utf-8")


def load_bars(folder: Path, name: str, digest: str) -> BarVAE | None:
    """The model called ``name``, None where there is none; raises ``ValueError`` unless it was fitted on ``digest``."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        model = (GroupedBarVAE if card["grouped"] else BarVAE)(BarConfig(**card["config"]))
        model.load_state_dict(load_file(folder / f"{name}.safetensors"), strict=True)
        fitted_on = card["data"]
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ValueError(f"{path} and its safetensors cannot be read ({type(error).__name__}); delete both") from error
    if fitted_on != digest:
        raise ValueError(
            f"{path} was fitted on music {fitted_on}, this run fits on {digest} and might test it on what it knows; "
            "give another folder"
        )
    return model.eval()


PITCHES = CLASSES - FIRST_PITCH
KINDS = 3  # hold, rest, a note starts


@dataclass(frozen=True)
class BarConfig:
    """Sizes: latents of a bar (the first ``rhythm`` belong to the rhythm group in ours), hidden units, plan a place."""

    latent: int = 32
    rhythm: int = 8
    hidden: int = 128
    plan: int = 64
    embedding: int = 32


@dataclass(frozen=True)
class BarLosses:
    """Means over bars: cross-entropy of a step (nats), of the element decoders, KL a bar (nats)."""

    steps: Tensor
    elements: Tensor
    kl: Tensor


class BarVAE(nn.Module):
    """A bidirectional GRU encoder that sees the whole bar."""

    def __init__(self, config: BarConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(CLASSES, config.embedding)
        self.make_encoder()
        self.make_plan()
        self.start = nn.Parameter(torch.zeros(config.embedding))
        self.last = nn.Embedding(CLASSES, config.embedding)
        self.recurrent = nn.GRU(config.embedding + config.plan, config.hidden, batch_first=True)
        self.out = nn.Linear(config.hidden + config.plan, CLASSES)

    def make_encoder(self) -> None:
        """What ``encode`` needs."""
        config = self.config
        self.listen = nn.GRU(config.embedding, config.hidden, batch_first=True, bidirectional=True)
        self.posterior = nn.Linear(2 * config.hidden, 2 * config.latent)

    def make_plan(self) -> None:
        """What ``plan`` needs."""
        config = self.config
        self.planner = _mlp(config.latent, config.hidden, STEPS * config.plan)

    def encode(self, tokens: Tensor) -> Posterior:
        """Posterior of bars of tokens ``(bars, 16)``."""
        _, state = self.listen(self.embed(tokens))
        return _posterior(self.posterior(state.transpose(0, 1).flatten(1)))

    def plan(self, z: Tensor) -> Tensor:
        """What the decoder is told at each place: latents ``(bars, latent)`` → ``(bars, 16, plan)``."""
        return norm(self.planner(z).unflatten(-1, (STEPS, self.config.plan)))

    def element_loss(self, tokens: Tensor, z: Tensor) -> Tensor:  # noqa: ARG002 (ours has elements)
        """Cross-entropy of the element decoders in nats a place; there are none here."""
        return z.new_zeros(())

    def logits(
        self, tokens: Tensor, z: Tensor, forget: float = 0.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Teacher forcing: tokens ``(bars, 16)`` → ``(bars, 16, CLASSES)``; ``forget`` hides that share of last tokens.

        A decoder that always hears the right last token learns to do without the latents.
        """
        heard = self.last(tokens[:, :-1])
        if forget:
            kept = torch.rand(heard.shape[:2], generator=generator) >= forget
            heard = heard * kept[..., None]
        heard = torch.cat([self.start.expand(len(tokens), 1, -1), heard], 1)
        plan = self.plan(z)
        states, _ = self.recurrent(torch.cat([heard, plan], -1))
        found: Tensor = self.out(torch.cat([states, plan], -1))
        return found

    def losses(
        self, tokens: Tensor, z: Tensor, posterior: Posterior, forget: float, generator: torch.Generator
    ) -> BarLosses:
        """Of bars ``(bars, 16)`` with latents ``z`` drawn from ``posterior``."""
        logits = self.logits(tokens, z, forget, generator)
        steps = F.cross_entropy(logits.flatten(0, 1), tokens.flatten())
        return BarLosses(steps, self.element_loss(tokens, z), posterior.kl().sum(-1).mean())

    @torch.inference_mode()
    def decode(self, z: Tensor) -> Tensor:
        """Free running: latents ``(bars, latent)`` → the likeliest token at each step, fed back: ``(bars, 16)``."""
        plan = self.plan(z)
        heard, state = self.start.expand(len(z), -1), None
        tokens = []
        for step in range(STEPS):
            out, state = self.recurrent(torch.cat([heard, plan[:, step]], -1)[:, None], state)
            tokens.append(self.out(torch.cat([out[:, 0], plan[:, step]], -1)).argmax(-1))
            heard = self.last(tokens[-1])
        return torch.stack(tokens, 1)


class GroupedBarVAE(BarVAE):
    """Rhythm hears when notes and rests start, pitch hears the pitches in their order without any time.

    The first two dimensions of each group are named (``models.music.lines``): rhythmic complexity and note
    density of rhythm, range and contour of pitch.
    """

    def make_encoder(self) -> None:
        """An MLP a group."""
        config = self.config
        self.hear_rhythm = _mlp(STEPS * KINDS, config.hidden, 2 * config.rhythm)
        self.hear_pitch = _mlp(STEPS * config.embedding, config.hidden, 2 * (config.latent - config.rhythm))

    def make_plan(self) -> None:
        """The element decoders and what lays pitches along onsets."""
        config = self.config
        tunes = config.latent - config.rhythm
        self.rhythm_plan = _mlp(config.rhythm, config.hidden, STEPS * (config.plan // 2))
        self.rhythm_out = nn.Linear(config.plan // 2, KINDS)
        self.pitch_plan = _mlp(tunes, config.hidden, STEPS * config.plan)
        self.pitch_out = nn.Linear(config.plan, PITCHES)
        self.width = nn.Parameter(torch.zeros(()))
        self.combine = nn.Linear(config.plan // 2 + config.plan, config.plan)

    def encode(self, tokens: Tensor) -> Posterior:
        """Posterior of bars of tokens ``(bars, 16)``, rhythm's dimensions first."""
        rhythm = self.hear_rhythm(F.one_hot(kinds(tokens), KINDS).float().flatten(1))
        order = pitch_order(tokens)
        pitch = self.hear_pitch(self.embed(torch.where(order < 0, REST, order + FIRST_PITCH)).flatten(1))
        (mean_r, log_r), (mean_p, log_p) = rhythm.chunk(2, -1), pitch.chunk(2, -1)
        return _posterior(torch.cat([mean_r, mean_p, log_r, log_p], -1))

    def elements(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Each group's own plan from its own latents: ``(bars, 16, plan / 2)`` and ``(bars, 16, plan)``."""
        rhythm, pitch = z[:, : self.config.rhythm], z[:, self.config.rhythm :]
        return (
            norm(self.rhythm_plan(rhythm).unflatten(-1, (STEPS, -1))),
            norm(self.pitch_plan(pitch).unflatten(-1, (STEPS, -1))),
        )

    def plan(self, z: Tensor) -> Tensor:
        """The pitches of the order's place that the onsets so far point at, beside the rhythm: ``(bars, 16, plan)``."""
        rhythm, pitch = self.elements(z)
        starts = torch.softmax(self.rhythm_out(rhythm), -1)[..., 2]
        total = starts.sum(1, keepdim=True).clamp(min=1)
        centre = STEPS * (starts.cumsum(1) - 0.5) / total - 0.5
        far = centre[..., None] - torch.arange(STEPS, device=z.device)
        weights = torch.softmax(-(far**2) * self.width.exp(), -1)
        return norm(self.combine(torch.cat([rhythm, weights @ pitch], -1)))

    def element_loss(self, tokens: Tensor, z: Tensor) -> Tensor:
        """What each group tells of its own side: onsets and rests, and the order of pitches."""
        rhythm, pitch = self.elements(z)
        when = F.cross_entropy(self.rhythm_out(rhythm).flatten(0, 1), kinds(tokens).flatten())
        order = pitch_order(tokens).flatten()
        if not (order >= 0).any():
            return when
        return when + F.cross_entropy(self.pitch_out(pitch).flatten(0, 1), order, ignore_index=-1)

    def expected_attributes(self, z: Tensor) -> Tensor:
        """What the element decoders would have of each attribute, ``(bars, 4)``, differentiable.

        Onsets by their probabilities, pitches by their means; columns as in ``LINE_ATTRIBUTES``.
        """
        rhythm, pitch = self.elements(z)
        starts = torch.softmax(self.rhythm_out(rhythm), -1)[..., 2]
        line = torch.softmax(self.pitch_out(pitch), -1) @ torch.arange(PITCHES, device=z.device).float()
        weights = torch.as_tensor(ONSET_WEIGHTS / ONSET_WEIGHTS.sum(), device=z.device).float()
        spread = line.amax(1) - line.amin(1)
        return torch.stack([starts @ weights, spread, starts.mean(1), line[:, -1] - line[:, 0]], 1)


def kinds(tokens: Tensor) -> Tensor:
    """0 hold, 1 rest, 2 a note starts; same shape."""
    return tokens.clamp(max=FIRST_PITCH)


def pitch_order(tokens: Tensor) -> Tensor:
    """The pitches of bars ``(bars, 16)`` in their order, spread evenly over 16 places: neither when nor how many.

    Place ``j`` of a bar with ``n`` notes has note ``floor(j n / 16)``; -1 where a bar has none.
    """
    starts = tokens >= FIRST_PITCH
    count = starts.sum(1, keepdim=True)
    index = torch.where(starts, starts.cumsum(1) - 1, STEPS)
    pitches = torch.full((len(tokens), STEPS + 1), -1, device=tokens.device)
    pitches.scatter_(1, index, torch.where(starts, tokens - FIRST_PITCH, -1))
    places = torch.arange(STEPS, device=tokens.device) * count // STEPS
    return pitches.gather(1, places)


def _mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.LayerNorm(hidden), nn.SiLU(), nn.Linear(hidden, outputs))


def _posterior(both: Tensor) -> Posterior:
    """Mean and log-variance, the latter kept within -8..2, as in the style model."""
    mean, log_variance = both.chunk(2, -1)
    return Posterior(mean, -3 + 5 * torch.tanh(log_variance))


__all__ = ["HOLD", "REST", "BarConfig", "BarLosses", "BarVAE", "GroupedBarVAE", "kinds", "pitch_order"]
