"""The agent's training loop: play, reward, compare within the group, one or two steps of the adapter, save.

Group-relative policy optimisation (Shao et al. 2024, DeepSeekMath, equations 3 and 4), without a value network. Of
clips that were drawn side by side, those above the group's mean become likelier. The ratio of probabilities is clipped
as in PPO (Schulman et al. 2017), and a KL penalty holds the policy near the writer.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.func import functional_call

from models.experiments.optimisation import packed, progress_bar, rise_and_fall, share_done, unpack
from models.experiments.provenance import commit
from models.experiments.run_log import RunLog
from models.music.files import replacing
from models.music.notes import DOMAINS, Domain
from models.music.tokens import POSITION
from models.rating.agent.policy import Adapter, Likelihood, Played, adapted, agent_of, play, save_agent
from models.rating.agent.reward import Clip, Realness, Reward, described, standardised
from models.style.latents import BARS
from models.style.pieces.sampling import Writer

Floats = npt.NDArray[np.float64]
Judge = Callable[[Sequence[Clip]], Floats]

CLIPPED = 0.2

STATE = "state.safetensors"
LOG, PLAYED = "log.jsonl", "played.json"
PLAYED_AT = (0.0, 0.125, 0.25, 0.5, 1.0)  # shares of a training after which clips are kept
PLAYED_SEED, PLAYED_CLIPS = 1_000_003, 2  # the places that they begin at, where no clip of training begins


@dataclass(frozen=True)
class Objective:
    """The ``loss`` to descend, the mean divergence from the writer in nats a step, and the share of clipped steps."""

    loss: Tensor
    kl: Tensor
    clipped: Tensor


def advantages(reward: Floats, *, standardise: bool = True) -> Floats:
    """How much better than its group each clip is, ``(clips,)``: in the group's deviations where ``standardise``.

    A clip without a reward counts as the worst of its group. Where all are alike nobody is better.
    """
    told = np.isfinite(reward)
    if not told.any():
        return np.zeros_like(reward)
    filled = np.where(told, reward, np.nanmin(reward))
    away = filled - filled.mean()
    return np.asarray(away / (filled.std() + 1e-6) if standardise else away)


def kl_to(frozen: Tensor, own: Tensor) -> Tensor:
    """KL(own ‖ frozen) by the estimator k3 (Schulman 2020), never below 0: log-probabilities of what ``own`` drew."""
    less = frozen - own
    return less.exp() - 1 - less


def objective(
    now: Tensor, drawn: Tensor, frozen: Tensor, advantage: Tensor, played: Tensor, *, kl_weight: float
) -> Objective:
    """GRPO's loss.

    Args:
        now: log-probabilities ``(clips, steps)`` of the drawn steps under the policy as it is, with a gradient.
        drawn: the same under the policy that drew them.
        frozen: the same under the writer.
        advantage: ``(clips,)``.
        played: bool ``(clips, steps)``, whether a step belongs to its clip.
        kl_weight: the weight of the divergence from the writer.
    """
    ratio = (now - drawn).exp()
    kept = ratio.clamp(1 - CLIPPED, 1 + CLIPPED)
    gain = torch.minimum(ratio * advantage[:, None], kept * advantage[:, None])
    kl = kl_to(frozen, now)
    weight = played / played.sum(1, keepdim=True).clamp_min(1) / len(played)
    loss = -((gain - kl_weight * kl) * weight).sum()
    clipped = ((ratio != kept) & played).sum() / played.sum()
    return Objective(loss, (kl * weight).sum().detach(), clipped.detach())


@dataclass(frozen=True)
class Preset:
    """``steps`` of so many ``clips`` a domain, which are a group, each used for ``passes`` steps of the adapter."""

    steps: int
    clips: int
    passes: int = 2
    rank: int = 8
    learning_rate: float = 1e-3
    kl_weight: float = 0.05  # nats of divergence against deviations of reward
    standardise: bool = True  # the reward by the deviation of its group
    realness: float = 0.0  # deviations of reward that one nat of the critic's log odds weighs
    warm_up: int = 3

    def recorded(self) -> dict[str, Any]:
        """As logs and cards have it, where ``kl_weight`` is called ``leash``."""
        return {{"kl_weight": "leash"}.get(name, name): value for name, value in asdict(self).items()}


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(2, 4, rank=2),
    "cpu": Preset(40, 16),
    "gpu": Preset(150, 64),
}


@dataclass
class Progressed:
    """How far a run has come, saved with its weights: seconds of processor it took, lines of its log."""

    seconds: float = 0.0
    lines: int = 0


@dataclass(frozen=True)
class Group:
    """Clips of one domain that were drawn side by side, with their advantages and their likelihood under the writer."""

    played: Played
    reward: Floats
    realness: Floats
    judge: Floats
    advantage: Tensor
    frozen: Tensor


class AgentTraining:
    """A run in the folder ``out``; ``run`` goes on from where it stands to the preset's steps.

    ``judge`` is only told about, never rewarded; None where it would cost too much. ``critic`` counts as much as the
    preset says, and is needed where that is not 0.
    """

    def __init__(
        self,
        name: str,
        preset: Preset,
        writer: Writer,
        reward: Reward,
        out: Path,
        *,
        seed: int,
        domains: Sequence[Domain] = DOMAINS,
        judge: Judge | None = None,
        critic: Realness | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        if preset.realness > 0 and critic is None:
            raise ValueError(f"realness counts {preset.realness:g} here; a critic of realness is needed")
        self.name, self.preset, self.writer, self.reward, self.out, self.seed = name, preset, writer, reward, out, seed
        self.domains, self.judge, self.about = tuple(domains), judge, dict(about or {})
        self.critic = critic if preset.realness > 0 else None
        self.adapter = Adapter(writer.bundle.model, preset.rank, seed)
        self.likelihood = Likelihood(writer.bundle.model).requires_grad_(requires_grad=False)
        self.optimiser = torch.optim.AdamW(self.adapter.parameters(), lr=preset.learning_rate, weight_decay=0.0)
        self.at, self.progress = 0, Progressed()

    def resume(self) -> None:
        """Take up what ``save`` wrote; raises ``FileNotFoundError``, or ``RuntimeError`` for another adapter."""
        state = load_file(self.out / STATE)
        self.at = int(state["step"])
        self.progress = Progressed(float(state["seconds"]), int(state["lines"]))
        self.adapter.load_state_dict({k[8:]: v for k, v in state.items() if k.startswith("adapter.")})
        if self.critic:
            self.critic.remembered = {domain: state[f"played.{domain}"].numpy() for domain in self.domains}
        unpack(self.optimiser, state)

    def save(self) -> None:
        """Write all that ``resume`` needs; a crash while writing leaves the last state whole."""
        state: dict[str, Tensor] = {f"adapter.{k}": v for k, v in self.adapter.state_dict().items()}
        if self.critic:
            state |= {f"played.{d}": torch.from_numpy(self.critic.remembered[d]).contiguous() for d in self.domains}
        counts = {"step": self.at, **asdict(self.progress)}
        state |= packed(self.optimiser) | {k: torch.tensor(v, dtype=torch.float64) for k, v in counts.items()}
        with replacing(self.out / STATE) as part:
            save_file(state, part)

    def group(self, domain: Domain) -> Group:
        """A group of clips at this step, played by the agent as it is."""
        model = adapted(self.writer.bundle.model, self.adapter)
        seeds = [(self.seed, self.at, number) for number in range(self.preset.clips)]
        played = play(self.writer, model, domain, seeds)
        clips = [Clip(piece) for piece in played.pieces]
        reward = self.reward(clips)
        judge = self.judge(clips) if self.judge else np.full(len(clips), np.nan)
        realness, wanted = np.full(len(clips), np.nan), reward
        if self.critic:
            rows = described(played.pieces)
            realness = self.critic(domain, rows)
            self.critic.learn(domain, rows)
            wanted = standardised(reward) + self.preset.realness * realness
        better = advantages(wanted, standardise=self.preset.standardise)
        with torch.no_grad():
            frozen = self.likelihood(played)
        return Group(played, reward, realness, judge, torch.from_numpy(better).float(), frozen)

    def update(self, groups: Sequence[Group]) -> dict[str, float]:
        """``passes`` steps of the adapter on what was played; what the last one says."""
        drawn: list[Tensor] = []
        said: list[Objective] = []
        chosen = self.preset
        rate = rise_and_fall(
            chosen.learning_rate, self.at, share_done(self.at, chosen.steps), warm_up=chosen.warm_up, falling=0.5
        )
        for params in self.optimiser.param_groups:
            params["lr"] = rate
        norm = torch.zeros(())
        for turn in range(chosen.passes):
            said = []
            self.optimiser.zero_grad()
            for place, group in enumerate(groups):
                swapped = {f"model.{name}": w for name, w in self.adapter.weights(self.writer.bundle.model).items()}
                now: Tensor = functional_call(self.likelihood, swapped, (group.played,))
                if turn == 0:
                    drawn.append(now.detach())
                there = group.played.drawn[..., POSITION] >= 0
                found = objective(now, drawn[place], group.frozen, group.advantage, there, kl_weight=chosen.kl_weight)
                torch.autograd.backward(found.loss / len(groups))
                said.append(found)
            norm = torch.nn.utils.clip_grad_norm_(self.adapter.parameters(), 1.0)
            self.optimiser.step()
        return {
            "kl": float(np.mean([each.kl.item() for each in said])),
            "clipped": float(np.mean([each.clipped.item() for each in said])),
            "gradient": norm.item(), "learning_rate": rate,
        }  # fmt: skip

    def step(self) -> dict[str, float]:
        """Play, learn, and tell how it went."""
        groups = [self.group(domain) for domain in self.domains]
        values = self.update(groups)
        self.at += 1
        told: dict[str, float] = {}
        for name in ("reward", "realness", "judge"):
            means = {domain: _mean(getattr(group, name)) for domain, group in zip(self.domains, groups, strict=True)}
            told |= {f"{name}.{domain}": mean for domain, mean in means.items() if np.isfinite(mean)}
            told |= {name: mean} if np.isfinite(mean := _mean(list(means.values()))) else {}
        unusable = float(np.mean([~np.isfinite(group.reward) for group in groups]))
        return {**told, "unusable": unusable, **values}

    def run(self) -> Progressed:
        """Train to the end."""
        with RunLog(self.out / LOG, self.progress.lines) as log, progress_bar("agent", "said") as bar:
            if not log.lines:
                about = {"preset": self.name, "seed": self.seed, "commit": commit(), "steps": self.preset.steps}
                log.write("run", what="agent", **about, hyperparameters=self.preset.recorded(), config=self.about)
            task = bar.add_task("agent", total=self.preset.steps, completed=self.at, said="")
            kept = {round(share * self.preset.steps) for share in PLAYED_AT}
            if self.at == 0:
                self.keep()
            while self.at < self.preset.steps:
                began = time.process_time()
                values = self.step()
                self.progress.seconds += time.process_time() - began
                log.write("metrics", step=self.at, part="train", values=values)
                said = f"reward {values.get('reward', 0):.3f}, {values['kl']:.4f} nats"
                bar.update(task, completed=self.at, said=said)
                self.progress.lines = log.lines
                if self.at in kept:
                    self.keep()
                self.save()
            save_agent(self.out / "bundle", self.adapter, self.card())
            log.write("end", step=self.at)
        for name in (LOG, PLAYED):  # its curve, and what it played on its way
            shutil.copyfile(self.out / name, self.out / "bundle" / name)
        return self.progress

    def keep(self) -> None:
        """Add to ``played.json`` what the agent plays now, as pages have it, from the same places each time."""
        agent, path = agent_of(self.writer, self.adapter, "agent"), self.out / PLAYED
        before = json.loads(path.read_text(encoding="utf-8")) if self.at and path.is_file() else []
        seeds = [(PLAYED_SEED, self.seed, number) for number in range(PLAYED_CLIPS)]
        now = [
            {"step": self.at, "domain": domain, "place": number, "piece": piece.to_json()}
            for domain in self.domains
            for number, piece in enumerate(agent.excerpts(domain, seeds, BARS, agent.places(domain, seeds, BARS)))
        ]
        kept = [each for each in before if each["step"] < self.at]
        path.write_text(json.dumps([*kept, *now]), encoding="utf-8")

    def card(self) -> dict[str, Any]:
        """What is told of the adapter."""
        return {
            "name": f"agent-{self.name}", "preset": self.name, "seed": self.seed,
            "steps": self.at, "seconds": round(self.progress.seconds, 1), "writer": self.writer.bundle.version,
            "domains": list(self.domains), "training": self.preset.recorded(), **self.about,
        }  # fmt: skip


def _mean(values: Sequence[float] | Floats) -> float:
    told = np.asarray(values)[np.isfinite(values)]
    return float(told.mean()) if len(told) else float("nan")
