"""The tie by rotation: picture latents, which are N(0, I), turned into the noise that music is generated from.

An orthogonal matrix keeps angles and lengths, so what is alike in pictures begins alike in noise. Any would do; this
one turns what is most seen in pictures to what is most heard in music, as reduced-rank regression says it (Izenman
1975). Directions of the noise that pictures don't reach are drawn anew for each bar, and so is a part of the others.
The flow then carries eight bars at a time to latents, each window holding on to the last bars of the one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from models.music.notes import DOMAINS, Domain
from models.picture.attributes import GROUPS
from models.picture.tie.writing import METER_NAME
from models.style.compose import METER_NAMES, Composer
from models.style.latents import BARS, CODES, Latents
from models.style.prior import Kept, Setting

Floats = npt.NDArray[np.float64]

OVERLAP = 2  # bars that a window shares with the one before
SHORTEST = 0.1  # of a film's picture latents, in deviations: what is nearly nothing isn't blown up
# Pictures hardly change through a shot, which noise does from bar to bar, and music of noise that stays is told from
# real music. Of 60 validation films, with all of the variance theirs: told .82, found first .80; with .6: .75, .62;
# with .3: .73, .32; with none: .67, .05. Of 100, with .9: .87, .75
PICTURED = 0.85
RIDGE = 0.05
MAIN = 7  # directions among which what people agree on decides: as many as are well seen, and some more


def fitted(noise: Floats, heard: Floats, pictures: Floats, seen: Mapping[str, Floats], agreed: Floats) -> Floats:
    """The rotation ``(noise, dims)``, whose columns are orthonormal, or its rows where there are fewer of these.

    The direction of ``noise`` ``(bars, noise)`` in which ``heard`` ``(bars, n)`` changes most is turned to that of
    ``pictures`` ``(pictures, dims)`` in which most changes of what is ``seen`` of each group ``(pictures, n)``; then
    the second to the second, and so on. Among the ``MAIN`` first it is the one nearest to ``agreed`` ``(noise, dims)``,
    what people find in music and pictures alike (orthogonal Procrustes: Schönemann 1966).
    """
    parts = [np.zeros((pictures.shape[1], each.shape[1])) for each in seen.values()]
    for part, (name, each) in zip(parts, seen.items(), strict=True):
        part[GROUPS[name]] = slopes(pictures[:, GROUPS[name]], each)
    music, shown = (np.linalg.svd(each)[0] for each in (slopes(noise, heard), np.hstack(parts)))
    one, _, other = np.linalg.svd(music[:, :MAIN].T @ agreed @ shown[:, :MAIN])
    music[:, :MAIN] = music[:, :MAIN] @ one @ other
    count = min(len(music), len(shown))
    found: Floats = music[:, :count] @ shown[:, :count].T
    return found


def slopes(x: Floats, y: Floats) -> Floats:
    """Ridge regression of ``y`` ``(rows, m)`` on ``x`` ``(rows, n)``: ``(n, m)``."""
    x, y = x - x.mean(0), y - y.mean(0)
    found = np.linalg.solve(x.T @ x / len(x) + RIDGE * np.eye(x.shape[1]), x.T @ y / len(x))
    return np.asarray(found, dtype=np.float64)


def noise_of(pictures: Floats, turn: Floats, seed: int) -> Floats:
    """Noise ``(bars, noise)`` of picture latents ``(bars, pictures)``, of which ``PICTURED`` of the variance is theirs.

    However long they are, they count as much as noise does.
    """
    drawn = np.random.default_rng([seed, 25]).standard_normal((len(pictures), len(turn)))
    along = drawn @ turn
    rest = drawn - along @ turn.T if len(turn) >= turn.shape[1] else np.zeros_like(drawn)
    own = pictures / max(float(np.sqrt(np.mean(pictures**2))), SHORTEST)
    found: Floats = (np.sqrt(PICTURED) * own + np.sqrt(1 - PICTURED) * along) @ turn.T + rest
    return found


def carried(composer: Composer, noise: Floats, domain: Domain, seed: int) -> Latents:
    """Latents that the flow carries the ``noise`` ``(bars, open dimensions)`` of each bar to, of one key and style."""
    prior = composer.prior
    generator = torch.Generator().manual_seed(seed)
    drawn = prior.draw_setting(DOMAINS.index(domain), 1, generator)
    setting = replace(drawn, meter=torch.tensor([METER_NAMES.index(METER_NAME)]))
    bars = len(noise)
    padded = np.concatenate([noise, np.repeat(noise[-1:], max(0, BARS - bars), axis=0)])
    whole = torch.zeros((len(padded), prior.config.latent_dim))
    whole[:, open_dimensions(composer)] = torch.from_numpy(padded).float()
    found = torch.zeros_like(whole)
    known = 0
    while known < len(padded):
        first = min(max(0, known - OVERLAP), len(padded) - BARS)
        window = slice(first, first + BARS)
        mask = torch.zeros((1, BARS, whole.shape[1]), dtype=torch.bool)
        mask[:, : known - first] = True
        kept = Kept(found[None, window], mask, 0.0) if known else None
        found[window] = prior.carry(whole[None, window], setting, kept=kept).float().cpu()[0]
        known = first + BARS
    parts = composer.model.config.split(found[:bars])
    about = {"domain": domain, "meter": METER_NAME, CODES: setting.codes[0].tolist()}
    return Latents(composer.version, {name: value.numpy().astype(np.float32) for name, value in parts.items()}, about)


def noise_behind(composer: Composer, latents: Latents, domain: Domain) -> Floats:
    """The noise ``(bars, open dimensions)`` from which the flow would come to ``latents``: the way back.

    In no particular key or style.
    """
    prior = composer.prior
    z = torch.from_numpy(np.concatenate(list(latents.groups.values()), axis=1))
    drawn = prior.draw_setting(DOMAINS.index(domain), 1, torch.Generator().manual_seed(0))
    setting = Setting(drawn.domain, torch.tensor([METER_NAMES.index(METER_NAME)]), drawn.key, drawn.codes)
    free = setting.free(torch.tensor([True]))
    found = []
    for first in range(0, len(z), BARS):
        rows = z[(torch.arange(first, first + BARS)).clamp(max=len(z) - 1)]
        found.append(prior.returned(rows[None], free)[0, : len(z) - first].cpu())
    noise: Floats = torch.cat(found)[:, open_dimensions(composer)].double().numpy()
    return noise


def open_dimensions(composer: Composer) -> npt.NDArray[np.int64]:
    """The dimensions of the latents that carry anything."""
    found: npt.NDArray[np.int64] = np.flatnonzero((composer.prior.weight > 0).cpu().numpy())
    return found
