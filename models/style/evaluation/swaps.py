"""Swaps: style groups of other clips put onto a clip's content, one at a time and several at once.

What is asked of a swap: the result has the donor's attribute (own), nothing else moves with it (others, drift), the
tune stays, and encoding the result finds the donor's latents again (cycle).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import spearmanr

from models.experiments.report import Metric, Report, mean_over_songs, over_songs
from models.metrics import music_statistics as ms
from models.metrics.intervals import finite_mean
from models.music.notes import DOMAINS, MusicError, Piece, skyline
from models.music.tokens import END, POSITION, from_tokens, to_tokens
from models.style.compose import Composer
from models.style.evaluation.clips import Clips, compose_all, donors_of
from models.style.latents import STYLE_GROUPS, Latents
from models.style.swap_augmentation import REARRANGED, SHORT, rearrange
from models.style.windows import pad

ATTRIBUTE = {
    "rhythm": "onsets_per_bar", "register": "mean_pitch", "harmony": "mode", "dynamics": "mean_velocity",
    "tempo": "tempo_bpm", "texture": "notes_per_onset",
}  # fmt: skip
FINEST = {"dynamics": 2.0, "texture": 0.02}  # SD within a domain; below it clips differ by less than tokens can say
AMONG = 100
FOUND = {"rhythm": 0.7}  # share of originals wanted among so many by their melody, .9 for other styles
SLOTS = 16
FAR = 1000.0  # semitones: a pitch class is worth any way
SEVERAL = (2, 4, len(STYLE_GROUPS))
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.str_]


def melody(piece: Piece) -> npt.NDArray[np.int64]:
    """Pitch of the skyline at 16 places a bar, held through rests: ``(bars * 16,)``."""
    line = skyline(piece)
    places = np.concatenate([b[0] + b[1] * np.arange(SLOTS) // SLOTS for b in piece.bars])
    if len(line) == 0:
        return np.zeros(len(places), dtype=np.int64)
    held: npt.NDArray[np.int64] = line[np.clip(np.searchsorted(line[:, 0], places, side="right") - 1, 0, None), 1]
    return held


def melody_likeness(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> float:
    """Share of places where two melodies agree in pitch class, in the best of the twelve transpositions."""
    n = min(len(one), len(other))
    shift = (one[:n] - other[:n]) % 12
    return float(np.bincount(shift, minlength=12).max() / max(1, n))


def line_likeness(made: Sequence[Piece], real: Sequence[Piece]) -> Floats:
    """Correlation of each top line ``made`` with each ``real`` one ``(made, real)``; key and register don't count."""
    own = np.stack([_standardised(melody(piece)) for piece in real])
    got = np.stack([_standardised(_as_long(melody(piece), own.shape[1])) for piece in made])
    likeness: Floats = got @ own.T / own.shape[1]
    return likeness


def found_first(likeness: Floats, whose: npt.NDArray[np.int64]) -> Floats:
    """1 where the real one that each is of ``(made,)`` is the likest in its row of ``likeness``; ties count in part."""
    target = likeness[np.arange(len(whose)), whose]
    beaten, ties = (likeness > target[:, None]).any(1), (likeness == target[:, None]).sum(1)
    return np.where(beaten, 0.0, 1 / np.maximum(ties, 1))


def _as_long(line: npt.NDArray[np.int64], places: int) -> npt.NDArray[np.int64]:
    """The line cut, or its last note held: what was written may have a bar less."""
    return np.pad(line[:places], (0, max(0, places - len(line))), mode="edge")


def _standardised(line: npt.NDArray[np.int64]) -> Floats:
    centred = line - line.mean()
    deviation = centred.std()
    found: Floats = centred / deviation if deviation > 0 else centred * 0.0
    return found


def found_among(results: list[Piece], clips: Clips, seed: int) -> Floats:
    """1 where the original is the likest by melody among ``AMONG`` clips of its domain; ties count in part."""
    rng = np.random.default_rng(seed)
    originals = [melody(p) for p in clips.pieces]
    hits = np.empty(len(results))
    for i, result in enumerate(results):
        chosen = rng.permutation(_rivals(clips, i))[: AMONG - 1]
        own = melody(result)
        target = melody_likeness(own, originals[i])
        scores = np.array([melody_likeness(own, originals[j]) for j in chosen])
        hits[i] = 0.0 if (scores > target).any() else 1 / (1 + (scores == target).sum())
    return hits


def chance_to_find(clips: Clips) -> float:
    """What guessing comes to in ``found_among``, where a clip may have fewer rivals than ``AMONG`` asks for."""
    return float(np.mean([1 / min(AMONG, len(_rivals(clips, i)) + 1) for i in range(len(clips.pieces))]))


def _rivals(clips: Clips, i: int) -> npt.NDArray[np.int64]:
    """The clips of the same domain and of other songs."""
    return np.array([j for j in clips.of(clips.domains[i]) if clips.songs[j] != clips.songs[i]], dtype=np.int64)


def correlation(x: Floats, y: Floats, domains: Labels, least: float = 1e-6) -> float:
    """Spearman over the clips of each domain, averaged by their number.

    Domains are left out where ``x`` does not ``vary``: nothing is there to swap.

    Within domains, since donors come from the same one: how pop differs from dance tunes would count as success.
    """
    total = weight = 0.0
    for domain in DOMAINS:
        rows = domains == domain
        if not varies(x[rows], least) or np.ptp(y[rows]) < 1e-6:
            continue
        total += rows.sum() * float(spearmanr(x[rows], y[rows]).statistic)
        weight += rows.sum()
    return total / weight if weight else float("nan")


def varies(values: Floats, least: float = 1e-6) -> bool:
    """Whether one domain's clips differ in an attribute: eight clips, an SD of ``least``, enough different values."""
    return len(values) >= 8 and bool(values.std() >= least) and len(np.unique(values)) >= 0.1 * len(values)


def group_attributes(pieces: list[Piece]) -> dict[str, Floats]:
    """The attribute that names each style group, of all ``pieces``."""
    found = [ms.attributes(piece) for piece in pieces]
    return {group: np.array([each[name] for each in found]) for group, name in ATTRIBUTE.items()}


def swaps(report: Report, composer: Composer, clips: Clips, seed: int) -> None:
    """Each style group from another clip onto every content; adds ``swap.*``, ``drift.*`` and ``cycle.*``.

    ``swap.GROUP.on.OTHER``: Spearman of the donor's GROUP with the result's OTHER; baseline: without the swap.
    """
    domains = np.array(clips.domains)
    plain = compose_all(composer, clips, seed=seed + 10_000)
    again = compose_all(composer, clips, seed=seed + 20_000)
    real, base, noisy = group_attributes(clips.pieces), group_attributes(plain), group_attributes(again)
    spread = {name: sd if (sd := float(values.std())) > 1e-6 else np.nan for name, values in real.items()}
    noise = {name: np.abs(noisy[name] - base[name]) / spread[name] for name in STYLE_GROUPS}
    encoded, again_encoded = [composer.encode(p) for p in clips.pieces], _encoded(composer, plain)
    unrelated = [encoded[d] for d in donors_of(clips, seed + 31)]
    kept_plain = np.array([ms.note_f1(skyline(a), skyline(b)) for a, b in zip(plain, clips.pieces, strict=True)])
    for group in STYLE_GROUPS:
        donors = donors_of(clips, seed + STYLE_GROUPS.index(group))
        results = compose_all(composer, clips, seed=seed + 10_000, styles={group: donors})
        got = group_attributes(results)
        asked = real[group][donors]
        _own(report, group, Swapped(clips, donors, plain, results, real[group], base[group], got[group]))
        others = [name for name in STYLE_GROUPS if name != group]
        strengths = {name: correlation(asked, got[name], domains) for name in others}
        chance = {name: correlation(asked, base[name], domains) for name in others}
        for name in others:
            along = partial(_correlation_of, asked, got[name], domains, 1e-6)
            report.add(
                f"swap.{group}.on.{name}",
                over_songs(clips.songs, along, draws=200, baseline=chance[name], chance=0.0),
            )
        worst = max(others, key=lambda name: abs(np.nan_to_num(strengths[name])))
        report.add(
            f"swap.{group}.max_other",
            Metric(abs(strengths[worst]), n=len(asked), baseline=max(abs(np.nan_to_num(v)) for v in chance.values())),
        )
        kept = np.array([_tune_kept(r, p, group) for r, p in zip(results, clips.pieces, strict=True)])
        ratio = float(kept.mean() / kept_plain.mean()) if kept_plain.any() else None
        report.add(f"swap.{group}.melody_kept", Metric(ratio, n=len(kept), reference=0.8))
        report.add(
            f"swap.{group}.original_found",
            mean_over_songs(
                clips.songs,
                found_among(results, clips, seed),
                chance=chance_to_find(clips),
                reference=FOUND.get(group, 0.9),
            ),
        )
        for name in others:
            drift = np.abs(got[name] - base[name]) / spread[name]
            report.add(
                f"drift.{group}.{name}.sd", mean_over_songs(clips.songs, drift, baseline=float(noise[name].mean()))
            )
        donated, back = [encoded[d] for d in donors], _encoded(composer, results)
        scale = np.concatenate([each.groups[group] for each in encoded]).std(0) + 1e-6
        report.add(
            f"cycle.{group}",
            mean_over_songs(
                clips.songs,
                _distances(donated, back, group, scale),
                baseline=finite_mean(_distances(encoded, again_encoded, group, scale)),
                chance=finite_mean(_distances(donated, unrelated, group, scale)),
            ),
        )


@dataclass(frozen=True)
class Swapped:
    """Clips with one group of the clips at ``donors``; the attribute that names it of real, plain and swapped ones."""

    clips: Clips
    donors: npt.NDArray[np.int64]
    plain: list[Piece]
    results: list[Piece]
    real: Floats
    base: Floats
    got: Floats


def _own(report: Report, group: str, swap: Swapped) -> None:
    """How well the results have the donors' attribute, over all clips and in each domain: ``swap.GROUP.own``."""
    clips, domains, asked = swap.clips, np.array(swap.clips.domains), swap.real[swap.donors]
    least = FINEST.get(group, 1e-6)
    if group in REARRANGED:
        most = _rearranged(clips, group, swap.donors)
    if group == "harmony":
        alike = np.array([_donor_chroma(swap, i, swap.results[i]) for i in range(len(asked))])
        before = np.array([_donor_chroma(swap, i, swap.plain[i]) for i in range(len(asked))])
        found = [_donor_chroma(swap, i, piece) for i, piece in enumerate(most)]
        report.add("swap.harmony.reachable", mean_over_songs(clips.songs, found))
        whole = [ms.chroma_correlation(clips.pieces[donor], swap.results[i], 2) for i, donor in enumerate(swap.donors)]
        report.add("swap.harmony.own_whole_bars", mean_over_songs(clips.songs, whole))
    elif group in REARRANGED:
        there = partial(_correlation_of, asked, group_attributes(most)[group], domains, least)
        report.add(f"swap.{group}.reachable", over_songs(clips.songs, there, draws=200))
    for domain in (None, *DOMAINS):  # all of them, then each alone
        rows = np.arange(len(asked)) if domain is None else clips.of(domain)
        if len(rows) == 0:
            continue
        songs = [clips.songs[i] for i in rows]
        if group == "harmony":
            own = mean_over_songs(songs, alike[rows], baseline=finite_mean(before[rows]), reference=0.93)
        else:
            own = over_songs(
                songs,
                partial(_correlation_of, asked[rows], swap.got[rows], domains[rows], least),
                draws=200,
                baseline=correlation(asked[rows], swap.base[rows], domains[rows], least),
                chance=0.0,
                reference=0.97,
            )
        report.add(f"swap.{group}.own" + (f".{domain}" if domain else ""), own)


def _donor_chroma(swap: Swapped, clip: int, result: Piece) -> float:
    return ms.chroma_correlation(swap.clips.pieces[swap.donors[clip]], result)


def _rearranged(clips: Clips, group: str, donors: npt.NDArray[np.int64]) -> list[Piece]:
    """The clips with one group of others, as near as moving their own notes bar by bar comes to it.

    Rhythm and texture stay as they are in a swap: a half bar of two notes can't have the pitch classes of one of five,
    and the mean pitch of a clip depends on which bars have many notes. It is no upper bound: notes that are held over
    a bar line are not weighed with the next bar.
    """
    tokens = pad([to_tokens(piece) for piece in clips.pieces])
    own = torch.arange(len(tokens))
    taken = {name: torch.from_numpy(donors) if name == group else own for name in REARRANGED}
    made, _ = rearrange(tokens, taken, short=FAR if group == "harmony" else SHORT)
    return [from_tokens(clip[clip[:, POSITION] != END].numpy().astype(np.int16)) for clip in made]


def several_swaps(report: Report, composer: Composer, clips: Clips, seed: int) -> None:
    """Several groups, each from a clip of its own, onto one content; adds ``swap.several_K.own`` and ``.in_key``.

    ``own`` is the mean over groups of what ``swap.GROUP.own`` is, each over the clips on which that group was swapped;
    which groups those are is drawn for each clip.
    """
    rng = np.random.default_rng(seed)
    domains, real = np.array(clips.domains), group_attributes(clips.pieces)
    for number in SEVERAL:
        chosen = np.array([np.isin(STYLE_GROUPS, rng.permutation(STYLE_GROUPS)[:number]) for _ in clips.pieces])
        donors = {
            group: np.where(chosen[:, g], donors_of(clips, seed + 100 + g), np.arange(len(clips.pieces)))
            for g, group in enumerate(STYLE_GROUPS)
        }
        results = compose_all(composer, clips, seed=seed + 10_000, styles=donors)
        got = group_attributes(results)
        own = []
        for g, group in enumerate(STYLE_GROUPS):
            rows = np.flatnonzero(chosen[:, g])
            if group == "harmony":
                found = [ms.chroma_correlation(clips.pieces[donors[group][i]], results[i]) for i in rows]
                own.append(finite_mean(found))
            else:
                asked = real[group][donors[group][rows]]
                own.append(correlation(asked, got[group][rows], domains[rows], FINEST.get(group, 1e-6)))
        report.add(f"swap.several_{number}.own", Metric(finite_mean(own), n=len(results), reference=0.85))
        report.add(
            f"swap.several_{number}.in_key",
            mean_over_songs(
                clips.songs,
                [ms.in_key(p) for p in results],
                baseline=finite_mean([ms.in_key(p) for p in clips.pieces]),
                reference=0.97,
            ),
        )


def _encoded(composer: Composer, pieces: list[Piece]) -> list[Latents | None]:
    """Latents of ``pieces``; None of those without a whole bar of notes."""
    found: list[Latents | None] = []
    for piece in pieces:
        try:
            found.append(composer.encode(piece))
        except MusicError:
            found.append(None)
    return found


def _distances(asked: list[Latents], found: Sequence[Latents | None], group: str, scale: Floats) -> Floats:
    """Mean absolute difference of a group's latents in standard deviations, of each clip."""
    out = np.full(len(asked), np.nan)
    for i, (one, two) in enumerate(zip(asked, found, strict=True)):
        if two is not None:
            a, b = one.groups[group], two.groups[group]
            bars = min(len(a), len(b))
            out[i] = np.abs((a[np.arange(bars) % len(a)] - b[:bars]) / scale).mean()
    return out


def _correlation_of(asked: Floats, made: Floats, domains: Labels, least: float, rows: npt.NDArray[np.int64]) -> float:
    return correlation(asked[rows], made[rows], domains[rows], least)


def _tune_kept(result: Piece, original: Piece, group: str) -> float:
    """Skyline note-F1; octaves don't count where the register was swapped."""
    a, b = skyline(result), skyline(original)
    if group == "register":
        a[:, 1] %= 12
        b[:, 1] %= 12
    return ms.note_f1(a, b)
