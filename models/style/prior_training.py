"""After the style model: fit its style codes, and the prior over latent sequences of the encoded training windows.

Codes are what two windows of a piece share and nobody has named. They have a step of their own, of large batches, since
small ones can't tell what bands of something named explain of a code: a rank correlation finds a code that grows with
the tempo, not one that is high for slow and for fast pieces alike.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from models.experiments.optimisation import MasterWeights, progress_bar
from models.experiments.provenance import commit, data_hash
from models.experiments.run_log import run_row
from models.music.keys import likely_key
from models.music.notes import DOMAINS
from models.music.tokens import DURATION, DURATIONS, METER, PITCH, POSITION, POSITIONS
from models.style.features import NoteBatch, bar_features, clip_mean, gather_notes, style_features
from models.style.latents import BARS
from models.style.model import StyleModel
from models.style.prior import Prior, PriorConfig, Setting, index_of
from models.style.windows import DOMAIN_SHARE, WindowSet, pad, transposition

LEARNING_RATE = 1e-3
PAIRS, BATCH = 20_000, 1024  # pairs of windows, at most, and how many a step
BANDS = 8  # of everything that has a name and is a number
LEAST = 3 * BANDS  # pairs of a domain in a batch, below which they say nothing
CODES_LOGGED = 50  # steps


@dataclass(frozen=True)
class Pairs:
    """Two windows of each of some pieces.

    ``one`` and ``two`` ``(pairs, bars, features)``, what ``StyleModel.codes`` hears, in half precision; ``named``
    ``(pairs, names)``, of the first windows: the band of each number, of those of its domain, and the meter; ``domain``
    ``(pairs,)``.
    """

    one: Tensor
    two: Tensor
    named: Tensor
    domain: Tensor

    def __getitem__(self, rows: Tensor) -> Pairs:
        return Pairs(self.one[rows], self.two[rows], self.named[rows], self.domain[rows])

    def to(self, device: str) -> Pairs:
        """The same on ``device``."""
        return Pairs(*(part.to(device) for part in (self.one, self.two, self.named, self.domain)))


def fit_codes(model: StyleModel, windows: WindowSet, *, steps: int, seed: int, out: Path, device: str = "cpu") -> None:
    """Teach ``model.codes``, from nothing, on pairs of ``windows`` for so many steps; logs to ``out/codes.jsonl``."""
    torch.manual_seed(seed)
    pairs = choose_pairs(model, windows, seed).to(device)
    learner = copy.deepcopy(model.codes).float().to(device).train()
    for layer in (learner.inner, learner.deep, learner.out):
        layer.reset_parameters()
    optimiser = torch.optim.AdamW(learner.parameters(), lr=LEARNING_RATE, weight_decay=0.02)
    generator = torch.Generator().manual_seed(seed)
    with progress_bar("style codes") as progress, (out / "codes.jsonl").open("w", encoding="utf-8") as log:
        print(run_row("codes", seed=seed, data=data_hash(windows.pieces), commit=commit()), file=log, flush=True)
        for step in progress.track(range(1, steps + 1)):
            rows = torch.randint(len(pairs.domain), (min(BATCH, 4 * len(pairs.domain)),), generator=generator)
            batch = pairs[rows.to(device)]
            loss = shared_loss(learner.open(batch.one), learner.open(batch.two), batch)
            for group in optimiser.param_groups:
                group["lr"] = LEARNING_RATE * min(1.0, (steps - step + 1) / (0.4 * steps))
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            if step % CODES_LOGGED == 0 or step == steps:
                print(json.dumps({"step": step, "loss": loss.item()}), file=log, flush=True)
    model.codes.load_state_dict(learner.state_dict())


def shared_loss(one: Tensor, two: Tensor, pairs: Pairs) -> Tensor:
    """What makes codes of two windows of each piece agree, and say something that has no name yet.

    ``one`` and ``two`` ``(pairs, codes)`` before they are bounded. Within each domain: the correlation of each code
    with itself in the other window shall be 1, all others 0 (Barlow Twins: Zbontar et al. 2021); its mean shall be 0
    and its SD at least 1 (VICReg: Bardes et al. 2022); and nothing named shall explain any of its variance (eta
    squared, beyond chance).
    """
    total = one.new_zeros(())
    for index, name in enumerate(DOMAINS):
        here = pairs.domain == index
        if here.sum() < LEAST:
            continue
        a, b = one[here], two[here]
        across = correlations(a, b)
        agree = (1 - across.diagonal()).square().sum()
        apart = _off_diagonal(across) + _off_diagonal(correlations(a, a))
        both = torch.stack([a, b])
        live = ((1 - (both.var(1) + 1e-4).sqrt()).clamp(min=0).square() + both.mean(1).square()).sum() / 2
        known = torch.stack([explained(a, groups) for groups in pairs.named[here].unbind(1)]).clamp(min=0).sum()
        total = total + DOMAIN_SHARE[name] * (agree + apart / 2 + live + known)
    return total


def explained(codes: Tensor, groups: Tensor) -> Tensor:
    """The share of the variance of each of ``codes`` ``(rows, codes)`` between ``groups`` ``(rows,)``, beyond chance.

    Epsilon squared (Kelley 1935), ``(codes,)``.
    """
    _, group = torch.unique(groups, return_inverse=True)
    member = F.one_hot(group).to(codes.dtype)
    centred = codes - codes.mean(0)
    means = (member.T @ centred) / member.sum(0)[:, None]
    within = (centred - member @ means).square().sum(0)
    spare = max(1, len(codes) - member.shape[1])
    return 1 - within / centred.square().sum(0).clamp(min=1e-6) * (len(codes) - 1) / spare


def correlations(one: Tensor, two: Tensor) -> Tensor:
    """Correlations of the columns of ``(rows, a)`` and ``(rows, b)``, ``(a, b)``."""
    first, second = (F.normalize(each - each.mean(0), dim=0) for each in (one, two))
    return first.T @ second


def _off_diagonal(matrix: Tensor) -> Tensor:
    """Sum of the squares beside the diagonal."""
    return (matrix - torch.diag_embed(matrix.diagonal())).square().sum()


@torch.no_grad()
def choose_pairs(model: StyleModel, windows: WindowSet, seed: int) -> Pairs:
    """Up to ``PAIRS`` windows, shared over domains as in training, each with another of its piece.

    One without a bar in common, where there is one; each window is transposed for itself.
    """
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(windows.domain == index) for index in range(len(DOMAINS))]
    counts = [min(int(PAIRS * DOMAIN_SHARE[name]), 8 * len(rows)) for name, rows in zip(DOMAINS, members, strict=True)]
    one = np.concatenate([rng.choice(rows, n) for rows, n in zip(members, counts, strict=True) if n])
    two = np.array([_partner(windows, row, rng) for row in one.tolist()])
    heard, named = zip(*(_described(model, windows, rows, rng) for rows in (one, two)), strict=True)
    domain = torch.from_numpy(windows.domain[one])
    return Pairs(heard[0], heard[1], bands(named[0], domain), domain)


def _partner(windows: WindowSet, row: int, rng: np.random.Generator) -> int:
    """Another window of the same piece, as far away as its own length if possible; the same where there is no other."""
    first, last = (int(np.searchsorted(windows.piece, windows.piece[row], side)) for side in ("left", "right"))
    others = np.arange(first, last)
    far = np.abs(windows.first_bar[others] - windows.first_bar[row]) >= BARS
    return int(rng.choice(others[far] if far.any() else others))


def _described(
    model: StyleModel, windows: WindowSet, rows: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """What the codes hear of windows, ``(windows, bars, features)``, and what has a name, ``(windows, names)``."""
    heard: list[Tensor] = []
    named: list[Tensor] = []
    for start in range(0, len(rows), 64):
        clips = [windows.tokens[a:b] for a, b in windows.spans[rows[start : start + 64]]]
        notes = gather_notes(pad(clips, np.array([transposition(clip, rng) for clip in clips])), BARS)
        heard.append(model.heard_by_codes(style_features(notes), BARS).half())
        named.append(named_of(notes))
    return torch.cat(heard), torch.cat(named)


def named_of(notes: NoteBatch) -> Tensor:
    """What has a name in clips, in any units: means of pitch, velocity, tempo, onset share and duration; onsets; meter.

    ``(clips, 7)``.
    """
    onset = torch.ones_like(notes.velocity)
    onset[1:] = ((notes.bar[1:] != notes.bar[:-1]) | (notes.position[1:] != notes.position[:-1])).float()
    values = [notes.pitch.float(), notes.velocity, notes.tempo[notes.bar].float(), onset, notes.steps.float().log2()]
    means = torch.cat([clip_mean(notes, each) for each in values], 1)[::BARS]
    onsets = torch.zeros(len(means)).index_add_(0, notes.clip[notes.bar], onset)
    return torch.cat([means, onsets[:, None], notes.meter[::BARS, None].float()], 1)


def bands(named: Tensor, domain: Tensor) -> Tensor:
    """The band of each number ``(clips, names)`` among those of its domain, equally full ones; the last is the meter.

    ``(clips, names)``, whole numbers that differ between bands.
    """
    found = named.long()
    edges = torch.arange(1, BANDS) / BANDS
    for index in torch.unique(domain):
        here = domain == index
        for column in range(named.shape[1] - 1):
            values = named[here, column].contiguous()
            found[here, column] = torch.bucketize(values, torch.quantile(values, edges))
    return found


NOISE = 0.2  # of the posterior's own: at its full width half of what the prior learns is noise, and keys blur
CLOSED = 0.2  # variance of a dimension in the data, over the posterior's, below which it carries nothing
PRECISE = 0.5  # power of that ratio by which an error costs more, the more finely a dimension is told
AVERAGING = 0.999  # of the exponential mean of weights that is kept
LOG_EVERY, SAVE_EVERY = 100, 500  # steps
PRIOR_STATE = "prior.safetensors"  # in the folder of a run
ENCODED = {"pop": 24_000, "dance": 20_000, "chorale": 8_000}  # windows, transposed at random


@torch.inference_mode()
def encode_windows(
    model: StyleModel, windows: WindowSet, seed: int, *, most: int = 1, device: str = "cpu"
) -> tuple[Tensor, Tensor, Setting]:
    """Means and log-variances ``(windows, bars, latent)`` in half precision, and the settings of the windows.

    Windows that begin phrases, drawn with replacement where a domain has fewer than ``most`` times ``ENCODED``; each is
    transposed.
    """
    rng = np.random.default_rng(seed)
    chosen = []
    for index, name in enumerate(DOMAINS):
        members = np.flatnonzero(windows.domain == index)
        members = members[windows.start[members]] if windows.start[members].any() else members
        if len(members):
            count = min(most * ENCODED[name], 8 * len(members))
            chosen.append(np.resize(rng.permutation(members), count))
    rows = np.concatenate(chosen)
    rows = rows[np.argsort(np.diff(windows.spans[rows], axis=1)[:, 0], kind="stable")]
    means, variances, keys, codes = [], [], [], []
    for start in range(0, len(rows), 64):
        clips = [windows.tokens[a:b] for a, b in windows.spans[rows[start : start + 64]]]
        tokens = pad(clips, np.array([transposition(c, rng) for c in clips]))
        features = bar_features(gather_notes(tokens.to(device), BARS))
        posterior = model.encode(features)
        codes.append(model.encode_codes(features, BARS))
        means.append(posterior.mean.view(len(clips), BARS, -1).half())
        keys += [_key(clip) for clip in tokens.numpy()]
        variances.append(posterior.log_variance.view(len(clips), BARS, -1).half())
    meter = torch.from_numpy(windows.tokens[windows.spans[rows, 0], METER].astype(np.int64))
    setting = Setting(torch.from_numpy(windows.domain[rows]), meter, torch.tensor(keys), torch.cat(codes).cpu())
    return torch.cat(means), torch.cat(variances), setting


def _key(clip: npt.NDArray[np.int64]) -> int:
    """The key of token steps ``(steps, 7)``, by how long each pitch class sounds."""
    notes = clip[clip[:, POSITION] < POSITIONS]
    return likely_key(np.bincount(notes[:, PITCH] % 12, np.array(DURATIONS)[notes[:, DURATION]], minlength=12))


def fit_prior(
    model: StyleModel,
    windows: WindowSet,
    *,
    steps: int,
    seed: int,
    out: Path,
    batch: int = 128,
    encoded: int = 1,
    start: Prior | None = None,
    resume: bool = False,
    device: str = "cpu",
) -> Prior:
    """A prior for the latents of ``windows``, trained for ``steps`` steps; logs to ``out/prior.jsonl``.

    ``batch`` windows a step, of ``encoded`` times ``ENCODED``; ``start`` has the weights to begin with, where it isn't
    from nothing; ``resume`` goes on with what ``out`` holds of one, where it does.
    """
    torch.manual_seed(seed)
    state = out / PRIOR_STATE
    if not resume:
        state.unlink(missing_ok=True)
    mean, log_variance, setting = encode_windows(model.eval().to(device), windows, seed, most=encoded, device=device)
    prior = (start or Prior(PriorConfig(model.config.latent_dim, model.config.codes))).to(device).train()
    if start is None:
        _standardise(prior, mean, log_variance)
    _count(prior, setting)
    members = [(np.flatnonzero(setting.domain == d), DOMAIN_SHARE[name]) for d, name in enumerate(DOMAINS)]
    members = [(rows, share) for rows, share in members if len(rows)]
    share = np.array([s for _, s in members]) / sum(s for _, s in members)
    setting = setting.to(torch.device(device))

    training = MasterWeights(prior, LEARNING_RATE, AVERAGING, orthogonal=prior.matrices())
    if state.exists():
        training.resume(state)
    running: list[Tensor] = []
    out.mkdir(parents=True, exist_ok=True)
    with progress_bar("prior") as progress, (out / "prior.jsonl").open("a" if training.step else "w") as log:
        if training.step == 0:
            about = {"seed": seed, "data": data_hash(windows.pieces), "commit": commit(), "steps": steps}
            settings = {"batch": batch, "encoded": encoded, "learning_rate": LEARNING_RATE}
            print(run_row("prior", **about, hyperparameters=settings), file=log, flush=True)
        task = progress.add_task("prior", total=steps, completed=training.step)
        while training.step < steps:
            rng = np.random.default_rng([seed, training.step])
            generator = torch.Generator(device).manual_seed(seed * 1_000_003 + training.step)
            picks = rng.choice(len(members), size=batch, p=share)
            chosen = np.array([members[p][0][rng.integers(len(members[p][0]))] for p in picks])
            rows = torch.from_numpy(chosen).to(device)
            noise = torch.randn((batch, *mean.shape[1:]), generator=generator, device=device)
            z = mean[rows].float() + NOISE * noise * (0.5 * log_variance[rows].float()).exp()
            loss = training.working.loss(prior.standardise(z), setting[rows], generator)
            left = (steps - training.step) / (0.4 * steps)
            training.update(loss, LEARNING_RATE * min(1.0, (training.step + 1) / 100, max(0.02, left)))
            running.append(loss.detach())
            progress.update(task, completed=training.step)
            if training.step % LOG_EVERY == 0:
                print(
                    json.dumps({"step": training.step, "loss": torch.stack(running).mean().item()}),
                    file=log,
                    flush=True,
                )
                running = []
            if training.step % SAVE_EVERY == 0 or training.step == steps:
                training.save(state)
    return training.average.cpu().eval()


def _standardise(prior: Prior, mean: Tensor, log_variance: Tensor) -> None:
    """Set how latents are scaled and weighed by encoded windows."""
    flat, doubt = mean.float().flatten(0, 1), log_variance.float().exp().flatten(0, 1).mean(0)
    prior.mean.copy_(flat.mean(0))
    prior.scale.copy_((flat.var(0) + NOISE**2 * doubt).sqrt().clamp(min=0.05))
    signal = flat.var(0) / doubt
    prior.weight.copy_(torch.where(signal > CLOSED, signal**PRECISE, 0.0))


def _count(prior: Prior, setting: Setting) -> None:
    """Set how frequent meters, keys and codes are in each domain that has windows; others stay as they were."""
    setting = setting.to(torch.device("cpu"))
    there = torch.unique(setting.domain)
    told = (
        (prior.meter_share, (setting.meter,)), (prior.key_share, (setting.key,)),
        (prior.code_share, (setting.meter, index_of(setting.codes))),
    )  # fmt: skip
    for shares, found in told:
        counts = torch.full(shares.shape, 1e-6).index_put_(
            (setting.domain, *found), torch.ones(len(setting)), accumulate=True
        )
        shares[there] = (counts / counts.sum(-1, keepdim=True))[there]
