"""Relations between styles, in the music and in the latents."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from models.experiments.report import Metric, Report, mean_over_songs, over_halves, over_songs
from models.metrics.disentanglement import (
    canonical_scores,
    correlation,
    disentanglement,
    errors_of_reading,
    folds_of,
    mutual_information,
    share_read,
)
from models.metrics.music_statistics import ATTRIBUTES, attributes
from models.music.keys import half_bar_chroma
from models.music.notes import MusicError
from models.style.compose import Composer
from models.style.evaluation.clips import Clips
from models.style.evaluation.reconstruction import posterior_of
from models.style.evaluation.swaps import ATTRIBUTE, FINEST, varies
from models.style.evaluation.swaps import correlation as within_domains
from models.style.latents import GROUPS, PERCENTILES, STYLE_GROUPS, TONICS, Direction, Directions, slope, tonic_of
from models.style.model import StyleModel
from models.style.prior_training import CLOSED

CHROMA = "chroma"  # shares of the twelve pitch classes: what harmony holds, where mode is a matter of keys
DRAWS, HALVES = 200, 20


Floats = npt.NDArray[np.float64]


Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Measured:
    """Clips with their named attributes ``(clips,)`` and chroma, and the latents of their bars by group.

    ``drawn`` ``(bars, dim)`` from the posterior, ``bits`` ``(clips,)`` a bar, ``open`` dimensions; ``clip`` ``(bars,)``
    is each bar's clip.
    """

    songs: list[str]
    domains: npt.NDArray[np.str_]
    attributes: Mapping[str, Floats]
    chroma: Floats
    clip: Ints
    drawn: Mapping[str, Floats]
    bits: Mapping[str, Floats]
    open: Mapping[str, int]

    def of_clips(self, group: str) -> Floats:
        """A group's latents ``(clips, dim)``: mean over the bars of each clip."""
        count = np.bincount(self.clip)[:, None]
        total = np.zeros((len(count), self.drawn[group].shape[1]))
        np.add.at(total, self.clip, self.drawn[group])
        return total / count

    def target(self, name: str) -> Floats:
        """An attribute, or chroma, as columns ``(clips, 1 or 12)``.

        Where it does not vary in a domain it is that domain's mean, so that nothing is to be read there.
        """
        if name == CHROMA:
            return self.chroma
        values = self.attributes[name].copy()
        for domain in np.unique(self.domains):
            rows = self.domains == domain
            if not varies(values[rows], least_of(name)):
                values[rows] = values[rows].mean()
        return values[:, None]


def least_of(attribute: str) -> float:
    """The SD of an attribute within a domain below which its clips differ by less than tokens can say."""
    named = {name: group for group, name in ATTRIBUTE.items()}
    return FINEST.get(named.get(attribute, ""), 1e-6)


def own_group(attribute: str) -> str:
    """The group that an attribute names."""
    return "harmony" if attribute == CHROMA else ATTRIBUTES[attribute]


def measure(model: StyleModel, clips: Clips, seed: int) -> Measured:
    """Encode and measure ``clips``."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [model.config.latent[name] for name in GROUPS]
    posteriors = [posterior_of(model, piece) for piece in clips.pieces]
    mean = torch.cat([each.mean for each in posteriors])
    variance = torch.cat([each.log_variance for each in posteriors]).exp().mean(0)
    live = mean.var(0) > CLOSED * variance
    drawn = torch.cat([each.sample(generator) for each in posteriors]).double().numpy()
    rates = np.stack([each.kl().mean(0).double().numpy() for each in posteriors]) / np.log(2)
    edges = np.cumsum(sizes)[:-1]
    found = [attributes(piece) for piece in clips.pieces]
    chroma = np.stack([half_bar_chroma(piece).sum(0) for piece in clips.pieces])
    return Measured(
        songs=clips.songs,
        domains=np.array(clips.domains),
        attributes={name: np.array([each[name] for each in found]) for name in ATTRIBUTES},
        chroma=chroma / np.maximum(chroma.sum(1, keepdims=True), 1e-9),
        clip=np.repeat(np.arange(len(posteriors)), [len(each.mean) for each in posteriors]),
        drawn=dict(zip(GROUPS, np.split(drawn, edges, axis=1), strict=True)),
        bits={name: part.sum(1) for name, part in zip(GROUPS, np.split(rates, edges, axis=1), strict=True)},
        open={name: int(part.sum()) for name, part in zip(GROUPS, torch.split(live, sizes), strict=True)},
    )


def in_data(report: Report, music: Measured, seed: int) -> None:
    """How the named attributes go together in the music: ``data.A.B.spearman`` and ``data.A.B.bits``."""
    pairs = list(itertools.combinations(ATTRIBUTES, 2))
    for one, other in pairs:
        report.add(
            f"data.{one}.{other}.spearman",
            over_songs(music.songs, partial(_spearman, music, one, other), draws=DRAWS, chance=0.0),
        )
    order = shuffled_within(music.domains, seed)
    chance = _information(music, seed, np.arange(len(order)), order)
    found = over_halves(music.songs, partial(_information, music, seed), seed=seed, draws=HALVES)
    for name, metric in found.items():
        report.add(name, Metric(metric.value, metric.low, metric.high, metric.n, chance=chance[name]))


def in_latents(report: Report, music: Measured, seed: int) -> None:
    """What the latents carry, what can be read from which, how groups correlate: ``rate``, ``read``, ``canonical``."""
    for group in GROUPS:
        report.add(f"rate.{group}.bits_per_bar", mean_over_songs(music.songs, music.bits[group]))
        size = music.drawn[group].shape[1]
        report.add(f"rate.{group}.open", Metric(music.open[group], n=len(music.songs), reference=size))
    folds, order = folds_of(music.songs, seed), shuffled_within(music.domains, seed)
    _metrics(report, music, order, seed)
    _reading(report, music, folds, order)
    bar_domains, bar_songs = music.domains[music.clip], [music.songs[clip] for clip in music.clip]
    for one, other in itertools.combinations(GROUPS, 2):
        scores, luck = (
            canonical_scores(music.drawn[one], second, bar_domains, folds[music.clip])
            for second in (music.drawn[other], _of_others(music, other, order))
        )
        report.add(
            f"canonical.{one}.{other}",
            over_songs(bar_songs, partial(_correlated, *scores), draws=DRAWS, chance=correlation(*luck)),
        )
        name = f"canonical.{one}.{other}.bits"
        found = over_halves(bar_songs, partial(_shared_bits, name, *scores, seed), seed=seed, draws=HALVES)[name]
        chance = _shared_bits(name, *luck, seed, np.arange(len(bar_songs)))[name]
        report.add(name, Metric(found.value, found.low, found.high, found.n, chance=chance))


def _metrics(report: Report, music: Measured, order: Ints, seed: int) -> None:
    """``metrics.NAME``: those by which AR-VAE is judged, of all latents and the named attributes of clips."""
    codes = np.hstack([music.of_clips(group) for group in GROUPS])
    attributes = np.hstack([music.target(name) for name in ATTRIBUTES])
    luck = vars(disentanglement(codes[order], attributes, seed))
    for name, value in vars(disentanglement(codes, attributes, seed)).items():
        report.add(f"metrics.{name}", Metric(value, n=len(codes), chance=luck[name]))


def _reading(report: Report, music: Measured, folds: Ints, order: Ints) -> None:
    """``read.ATTRIBUTE.GROUP``; all targets are read at once, each by itself."""
    targets = {name: music.target(name) for name in (*ATTRIBUTES, CHROMA)}
    ends = np.cumsum([target.shape[1] for target in targets.values()])
    columns = {name: slice(end - targets[name].shape[1], end) for name, end in zip(targets, ends.tolist(), strict=True)}

    def read(codes: Floats) -> dict[str, tuple[Floats, Floats]]:
        errors = errors_of_reading(codes, np.hstack(list(targets.values())), music.domains, folds)
        return {name: (errors[0][:, part], errors[1][:, part]) for name, part in columns.items()}

    codes = {group: music.of_clips(group) for group in GROUPS}
    found = {group: read(codes[group]) for group in GROUPS}
    luck = {group: read(codes[group][order]) for group in GROUPS}
    naming = {group: [targets[name] for name in targets if own_group(name) == group] for group in GROUPS}
    joined = {group: read(np.hstack(naming[group])) for group in GROUPS}
    for name, group in itertools.product(targets, GROUPS):
        own = own_group(name)
        metric = over_songs(
            music.songs,
            partial(_share, *found[group][name]),
            baseline=share_read(*joined[group][name]) if group != own else None,
            chance=share_read(*luck[group][name]),
            reference=share_read(*found[own][name]),
        )
        report.add(f"read.{name}.{group}", metric)


def fit_directions(composer: Composer, clips: Clips, music: Measured, about: Mapping[str, object]) -> Directions:
    """The data's regression directions; styles that do not vary in these clips have none."""
    groups = {}
    for group in STYLE_GROUPS:
        name = ATTRIBUTE[group]
        values = music.target(name)[:, 0]
        if not any(np.ptp(values[music.domains == domain]) > 0 for domain in np.unique(music.domains)):
            continue
        if group == "harmony":
            found = [_towards(composer, clips, values, music.domains, tonic) for tonic in range(TONICS)]
        else:
            found = [slope(music.of_clips(group), values, music.domains)]
        per_sd = np.stack([per_sd for per_sd, _ in found])
        groups[group] = Direction(name, found[0][1], per_sd, percentiles(music, name))
    return Directions(dict(about), groups)


def percentiles(music: Measured, name: str) -> dict[str, list[float]]:
    """Domain → where an attribute lies in its clips (``PERCENTILES``), where it varies."""
    values, domains = music.attributes[name], music.domains
    found = {str(domain): values[domains == domain] for domain in np.unique(domains)}
    return {
        domain: np.round(np.percentile(each, PERCENTILES), 4).tolist()
        for domain, each in found.items()
        if varies(each, least_of(name))
    }


def shuffled_within(domains: npt.NDArray[np.str_], seed: int) -> Ints:
    """Every clip's place taken by another one of its domain, at random: indices ``(clips,)``."""
    rng, order = np.random.default_rng(seed), np.arange(len(domains))
    for domain in np.unique(domains):
        rows = np.flatnonzero(domains == domain)
        order[rows] = rng.permutation(rows)
    return order


def _spearman(music: Measured, one: str, other: str, rows: Ints) -> float:
    """Within domains in which both vary."""
    x, y, domains = music.attributes[one][rows], music.attributes[other][rows], music.domains[rows]
    live = np.isin(domains, [d for d in np.unique(domains) if varies(y[domains == d], least_of(other))])
    return within_domains(x[live], y[live], domains[live], least_of(one))


def _information(music: Measured, seed: int, rows: Ints, others: Ints | None = None) -> dict[str, float]:
    """``data.A.B.bits`` given the domain; ``others`` are the rows that B is taken from, by default the same."""
    found = {f"data.{one}.{other}.bits": 0.0 for one, other in itertools.combinations(ATTRIBUTES, 2)}
    second = rows if others is None else others
    for domain in np.unique(music.domains[rows]):
        here = music.domains[rows] == domain
        live = [name for name in ATTRIBUTES if varies(music.attributes[name][rows[here]], least_of(name))]
        if len(live) < 2:
            continue
        x, y = (np.stack([music.attributes[name][which[here]] for name in live], axis=1) for which in (rows, second))
        nats = mutual_information(x, y, seed)
        for (i, one), (j, other) in itertools.combinations(enumerate(live), 2):
            found[f"data.{one}.{other}.bits"] += float(nats[i, j] / np.log(2)) * here.mean()
    return found


def _share(missed: Floats, mean_missed: Floats, rows: Ints) -> float:
    return share_read(missed[rows], mean_missed[rows])


def _correlated(one: Floats, other: Floats, rows: Ints) -> float:
    return correlation(one[rows], other[rows])


def _shared_bits(name: str, one: Floats, other: Floats, seed: int, rows: Ints) -> dict[str, float]:
    """Under ``name`` the mutual information of two scores ``(bars,)``."""
    nats = mutual_information(one[rows, None], other[rows, None], seed)
    return {name: float(nats[0, 0] / np.log(2))}


def _of_others(music: Measured, group: str, order: Ints) -> Floats:
    """A group's latents with those of the clip in ``order`` in place of each clip's: ``(bars, dim)``."""
    sizes = np.bincount(music.clip)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    within, taken = np.arange(len(music.clip)) - starts[music.clip], order[music.clip]
    found: Floats = music.drawn[group][starts[taken] + within % sizes[taken]]
    return found


def _towards(
    composer: Composer, clips: Clips, values: Floats, domains: npt.NDArray[np.str_], tonic: int
) -> tuple[Floats, float]:
    """The regression of harmony latents on the attribute with all clips transposed to one tonic."""
    rows, latents = [], []
    for row, piece in enumerate(clips.pieces):
        try:
            moved = piece.transposed((tonic - tonic_of(piece) + 6) % TONICS - 6)
            latents.append(composer.encode(moved).groups["harmony"].mean(0))
            rows.append(row)
        except MusicError:  # beyond the piano
            continue
    return slope(np.stack(latents).astype(np.float64), values[rows], domains[rows])
