"""``Writer``: takes wishes, gives whole pieces, new ones or the continuation of one that is there."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from models.experiments.dataset import likely_domain
from models.metrics.voice_leading import part_writing_faults
from models.music.notes import DOMAINS, Domain, Piece
from models.music.tokens import BAR, METERS, POSITION, TEMPI_BPM, TokenArray, from_tokens
from models.style.model import StyleModel
from models.style.pieces import forms
from models.style.pieces.bar_latents import BarLatents, Reader
from models.style.pieces.conditions import (
    ABSENT,
    FARTHEST,
    MOST_BARS,
    NO_MOOD,
    NUCLEUS,
    TEMPERATURE,
    BarTargets,
    Mood,
    PerElement,
    Place,
    Wishes,
    fifth,
    first_numbers,
    regular_tokens,
)
from models.style.pieces.data import density
from models.style.pieces.forms import SHIFTS, load_transpositions
from models.style.pieces.grammar import Held
from models.style.pieces.model import PieceBundle, PieceModel, load_pieces_model
from models.style.pieces.search import TRIED, Particles, closed
from models.style.pieces.writing import Writing
from models.style.windows import PHRASE_BARS

SIDE_BY_SIDE = 80  # pieces: twice as many a second as of 16
OPENINGS = 0.25  # share of the excerpts that begin a piece
TIMES_ANEW, ANEW = 4, 1 << 20  # how often a piece is begun anew; what its seed then has besides
EARLIER_BARS = 24  # at least, of a piece whose last bars are written
MOOD_GUIDANCE = 3.0  # at least, where a mood is asked for: the model's own hardly heeds one
GUIDANCE_BESIDE_LATENTS = 2.0  # where latents say part of a mood; at 3 right in .93 for .88, recognised in .70 for .65


class Writer:
    """Composes whole pieces with a piece model, in keys and ranges of real ones where its bundle says which they are.

    >>> writer = Writer.load("runs/pieces/bundle")  # doctest: +SKIP
    >>> writer.compose("dance", count=4, bars=32, seed=1, form="AABB")  # doctest: +SKIP
    """

    def __init__(self, bundle: PieceBundle, specialists: Mapping[Domain, PieceBundle] = MappingProxyType({})) -> None:
        self.bundle, self.specialists = bundle, specialists
        self.transpositions = load_transpositions(bundle.folder)
        self.forms = forms.load_forms(bundle.folder)
        self._hearing: Writer = Writer(bundle) if specialists else self  # latents, which specialists don't hear

    @property
    def version(self) -> str:
        """Which weights these are, how is drawn from them, and what is known of real pieces: what a seed gives."""
        keys = {name: each.to_json() for name, each in self.transpositions.items()}
        known = {"sampling": self.bundle.card.get("sampling"), "transpositions": keys, "forms": self.forms}
        known |= {name: [own.version, own.card.get("sampling")] for name, own in self.specialists.items()}
        known = {name: each for name, each in known.items() if each}
        return f"{self.bundle.version}-{zlib.crc32(json.dumps(known).encode()):08x}" if known else self.bundle.version

    @classmethod
    def load(cls, name_or_path: str | Path, device: str = "cpu") -> Self:
        """With a shipped model or that of a folder, and those that its card names for kinds of music.

        Raises ``FileNotFoundError`` or ``ValueError``.
        """
        bundle = load_pieces_model(name_or_path, device)
        named: Mapping[Domain, str] = bundle.card.get("specialists", {})
        specialists = {domain: load_pieces_model(name, device) for domain, name in named.items()}
        for domain, own in specialists.items():
            if domain not in own.card.get("validation", {}):
                raise ValueError(
                    f"{bundle.version} names {named[domain]} as its specialist for {domain}, but that model's card "
                    f"has no figure of {domain} on validation music; name a model that was trained on it"
                )
        return cls(bundle, specialists)

    def compose(
        self,
        domain: Domain,
        *,
        count: int = 1,
        bars: int | None = 32,
        seed: int = 0,
        temperature: PerElement | None = None,
        nucleus: PerElement | None = None,
        meter: tuple[int, int] | None = None,
        tempo_bpm: float | None = None,
        form: str = "",
        ending: bool = True,
        regular: bool = False,
        mood: tuple[float, float] | None = None,
    ) -> list[Piece]:
        """``count`` new pieces of ``domain``; the piece of an index and seed is the same whatever ``count``.

        Args:
            domain: "pop", "dance" or "chorale".
            count: How many.
            bars: Whole bars of each; a short first bar (a pickup) comes on top. None: the model ends them, about where
                a real piece ended.
            seed: Of all that is drawn.
            temperature: By which logits are divided; a number, or a number by element ("pitch", "duration", …). None:
                what was chosen for these weights on held-out music, as the card says.
            nucleus: Share of the likeliest classes that is drawn from (Holtzman et al. 2020); likewise.
            meter: Such as (6, 8); None leaves it to the model.
            tempo_bpm: Quarters a minute at the beginning, moved to the nearest of ``TEMPI_BPM``; None: likewise.
            form: Sections of equal length such as "AABA": a letter that comes again asks for its bars again. Without
                one a piece is told which bars come again in a real piece, where ``forms.json`` lies beside the card.
            ending: Whether the last bar closes the piece, or it breaks off there.
            regular: After the first bar, whole bars of one meter alone.
            mood: Valence and arousal; -1 is as little as the least fifth of the domain's real music has, 1 as much as
                the most.

        Raises:
            ValueError: for a meter that has no token, a form that doesn't divide the bars, or a mood where the model
                was told none.
        """
        if meter is not None and meter not in METERS:
            raise ValueError(f"no token stands for the meter {meter[0]}/{meter[1]}")
        wishes = Wishes(
            DOMAINS.index(domain),
            ABSENT if bars is None else bars,
            ending=ending,
            regular=regular,
            meter=ABSENT if meter is None else METERS.index(meter),
            tempo=ABSENT if tempo_bpm is None else int(np.abs(np.log(TEMPI_BPM / tempo_bpm)).argmin()),
            returns=returns_of_form(form, bars),
            mood=self._mood(mood),
        )
        seeds = [(seed, index) for index in range(count)]
        places = [] if form else self._openings(domain, seeds, bars, ending=ending)
        return _pieces(self._written(self._drawn(wishes, temperature, nucleus), seeds, places=places, closing=ending))

    def last_bars(
        self,
        domain: Domain,
        bars: int,
        seed: int,
        *,
        meter: tuple[int, int],
        tempo_bpm: float,
        targets: BarTargets | None = None,
        count: int = 1,
    ) -> list[Piece]:
        """``count`` ends of longer pieces: ``bars`` whole bars of one meter, of which the last closes it.

        A whole piece of so few bars begins and ends within them, which hardly any real one does. Where no form is known
        that is ``EARLIER_BARS`` longer, it is one all the same. With ``targets`` for its bars it is written towards
        these, and stays in the key that it was written in.
        """
        known = [form for form in self.forms.get(domain, ()) if len(form) >= bars + EARLIER_BARS]
        form = known[int(np.random.default_rng([seed, bars]).integers(len(known)))] if known else (0,) * bars
        before, tempo = len(form) - bars, int(np.abs(np.log(TEMPI_BPM / tempo_bpm)).argmin())
        place = Place(before, len(form), form[before:] if known else (), METERS.index(meter), tempo)
        wishes = replace(self._drawn(Wishes(DOMAINS.index(domain), bars, regular=True)), targets=targets)
        seeds = [(seed, number) for number in range(count)]
        return _pieces(self._written(wishes, seeds, places=[place] * count, closing=True))

    def wholes(self, domain: Domain, seeds: Sequence[Sequence[int]], bars: int, form: str = "") -> list[Piece]:
        """A piece of ``bars`` whole bars that comes to its end, for each of ``seeds``; ``form`` as in ``compose``."""
        wishes = Wishes(DOMAINS.index(domain), bars, returns=returns_of_form(form, bars))
        places = [] if form else self._openings(domain, seeds, bars)
        return _pieces(self._written(self._drawn(wishes), seeds, places=places, closing=True))

    def excerpts(
        self,
        domain: Domain,
        seeds: Sequence[Sequence[int]],
        bars: int,
        places: Sequence[Place],
        mood: tuple[float, float] | None = None,
        *,
        latents: Sequence[BarLatents] = (),
        after_step: Particles | None = None,
        between: Callable[[], None] | None = None,
    ) -> list[Piece]:
        """``bars`` whole bars of one meter, with a pickup before an opening, from each of ``places`` in a new piece.

        ``mood`` as in ``compose``. ``latents`` are told of each, where the domain has no specialist. ``after_step`` may
        choose among what is being written side by side; ``between`` as in ``play_on``.
        """
        wishes = self._drawn(Wishes(DOMAINS.index(domain), bars, regular=True, mood=self._mood(mood)))
        wishes = replace(wishes, guidance=GUIDANCE_BESIDE_LATENTS) if latents and mood else wishes
        wishes = replace(wishes, repeat_bias=self._repeat_bias(domain, "returning_excerpts"))
        written = self._written(wishes, seeds, places=places, latents=latents, after_step=after_step, between=between)
        return _pieces(written)

    def hears_latents(self, domain: Domain) -> bool:
        """Whether it can be told latents in what it writes of a ``domain`` from nothing."""
        return domain not in self.specialists and self.bundle.model.latents is not None

    def reader(self, encoder: StyleModel) -> Reader:
        """Reads the latents that the model can be told off music; raises ``ValueError`` where it hears none."""
        layer = self.bundle.model.latents
        if layer is None:
            raise ValueError(f"{self.version} hears no latents; train a piece model with --latents")
        return Reader(encoder, layer.scale.float().cpu())

    def told(
        self,
        domain: Domain,
        latents: Sequence[BarLatents],
        seeds: Sequence[Sequence[int]],
        places: Sequence[Place],
        *,
        guidance: float = 1.0,
        guided: Sequence[str] = (),
        temperature: PerElement | None = None,
        nucleus: PerElement | None = None,
        held: Sequence[Held] = (),
        between: Callable[[], None] | None = None,
    ) -> list[tuple[Piece, float]]:
        """As many whole bars as each of ``latents`` has, all equally many, as these say; for each of ``seeds``.

        With a ``guidance`` above 1 what the ``guided`` groups say counts so many times. What is ``held``, of music for
        each seed, stays note for note; beside each piece stands how likely (log) what stays behind something new was.
        ``temperature`` and ``nucleus`` as in ``compose``, ``between`` as in ``play_on``. No specialist writes it.
        """
        writer = self._hearing
        wishes = Wishes(DOMAINS.index(domain), len(latents[0].told), regular=True)
        wishes = writer._drawn(wishes, temperature, nucleus)
        # What is asked for may be more crowded than real music mostly is, and comes back as it says.
        wishes = replace(wishes, repeat_bias=0.0, most_dense=np.inf, guidance=guidance, guided=tuple(guided))
        held = held if any(each.stays for each in held) else ()
        return writer._written(wishes, seeds, places=places, latents=latents, held=held, between=between)

    def places(self, domain: Domain, seeds: Sequence[Sequence[int]], bars: int) -> list[Place]:
        """Where excerpts of pieces with forms of real ones begin, one for each of ``seeds``.

        A share of ``OPENINGS`` at a piece's beginning, the others where a phrase may begin; all at the beginning, and
        in no form, where none is known.
        """
        known = [form for form in self.forms.get(domain, ()) if len(form) >= bars]
        found = []
        for seed in seeds:
            rng = np.random.default_rng([*seed, bars])
            if not known:
                found.append(Place(0, ABSENT))
                continue
            form = known[int(rng.integers(len(known)))]
            opens, start = rng.random() < OPENINGS, int(rng.choice(range(0, len(form) - bars + 1, PHRASE_BARS[domain])))
            before = 0 if opens else start
            found.append(Place(before, len(form), form[before : before + bars]))
        return found

    def _openings(
        self, domain: Domain, seeds: Sequence[Sequence[int]], bars: int | None, *, ending: bool = True
    ) -> list[Place]:
        """The beginnings of pieces of ``bars`` bars, or as long as real ones, in forms of real ones; see ``places``."""
        found = []
        for seed in seeds:
            form = self._form(domain, bars, (), seed, ending=ending)
            last = (len(form) or ABSENT) if bars is None else bars
            found.append(Place(0, last if ending else ABSENT, form))
        return found

    def _form(
        self, domain: Domain, bars: int | None, begun: forms.Form, seed: Sequence[int], *, ending: bool
    ) -> forms.Form:
        """A form of a real piece for one of ``bars`` bars that has ``begun`` so; of any piece's length for None."""
        known, rng = self.forms.get(domain, []), np.random.default_rng([*seed, bars or 0])
        if bars is None:
            known = [form for form in known if len(form) < MOST_BARS]
            return known[int(rng.integers(len(known)))] if known else ()
        return forms.drawn_like(known, bars, begun, rng, ending=ending)

    def play_on(
        self,
        piece: Piece,
        bars: int,
        *,
        count: int = 1,
        seed: int = 0,
        form: str = "",
        mood: tuple[float, float] | None = None,
        regular: bool = False,
        between: Callable[[], None] | None = None,
    ) -> list[Piece]:
        """``count`` pieces that begin with ``piece`` and have ``bars`` more; the rest is as in ``compose``.

        ``regular`` new bars are whole ones, of the meter of the last one of ``piece``.
        ``between`` is called often while they are written: who shares the cores can let others have them.
        ``piece`` is taken as the model knows music: on the grid, in regular bars, without silence before and after.
        Raises ``MusicError`` where that can't be, and ``ValueError`` for a form that doesn't divide all the bars, or a
        mood where the model was told none.
        """
        prompt = regular_tokens(piece)
        heads = prompt[prompt[:, POSITION] == BAR]
        last = len(heads) - 1 + int(first_numbers(heads[:1])[0]) + bars
        domain = DOMAINS.index(piece.domain or likely_domain(piece))
        returns = returns_of_form(form, last)
        wishes = self._drawn(Wishes(domain, last, regular=regular, returns=returns, mood=self._mood(mood)))
        begun, seeds = forms.form_of(prompt), [(seed, index) for index in range(count)]
        places = []
        for each in seeds if not form else ():
            like = self._form(DOMAINS[domain], last, begun, each, ending=True)
            places.append(Place(0, last, like and begun + like[len(begun) :]))
        return _pieces(self._written(wishes, seeds, prompt, places, closing=True, between=between))

    @property
    def heeds_moods(self) -> bool:
        """Whether the model was told moods, so that one may be asked for."""
        return self.bundle.model.config.moods

    def _mood(self, asked: tuple[float, float] | None) -> Mood:
        """The fifths that are asked for; raises ``ValueError`` where the model was told no moods."""
        if asked is None:
            return NO_MOOD
        if not self.heeds_moods:
            raise ValueError(
                f"{self.version} has learned nothing of moods; leave the mood out, or train a model with them"
            )
        return fifth(asked[0]), fifth(asked[1])

    def among(self, domain: Domain) -> int:
        """How many pieces of a seed are written side by side, of which those with few faults in part writing go on."""
        return int(self._chosen(domain).get("among", 1))

    def _bundle(self, domain: Domain) -> PieceBundle:
        return self.specialists.get(domain, self.bundle)

    def _chosen(self, domain: Domain) -> Mapping[str, Any]:
        """How music of a domain is drawn, as the card says; see ``models.train.pieces_sampling``."""
        chosen: Mapping[str, Any] = self._bundle(domain).card.get("sampling", {}).get(domain, {})
        return chosen

    def _repeat_bias(self, domain: Domain, name: str) -> float:
        """The card's; 0 for a model that writes outer voices first: what returns is looked for from the lowest up."""
        return 0.0 if self._bundle(domain).model.config.outer_first else float(self._chosen(domain).get(name, 0.0))

    def _drawn(
        self, wishes: Wishes, temperature: PerElement | None = None, nucleus: PerElement | None = None
    ) -> Wishes:
        """The wishes with temperature, nucleus and guidance: those given, else the card's, else the usual ones."""
        domain = DOMAINS[wishes.domain]
        chosen = self._chosen(domain)
        return replace(
            wishes,
            temperature=chosen.get("temperature", TEMPERATURE) if temperature is None else temperature,
            nucleus=chosen.get("nucleus", NUCLEUS) if nucleus is None else nucleus,
            most_dense=chosen.get("most_crowded", np.inf),
            repeat_bias=self._repeat_bias(domain, "returning"),
            guidance=max(chosen.get("guidance", 1.0), 1.0 if wishes.mood == NO_MOOD else MOOD_GUIDANCE),
        )

    def _written(
        self,
        wishes: Wishes,
        seeds: Sequence[Sequence[int]],
        prompt: TokenArray | None = None,
        places: Sequence[Place] = (),
        *,
        closing: bool = False,
        after_step: Particles | None = None,
        between: Callable[[], None] | None = None,
        latents: Sequence[BarLatents] = (),
        held: Sequence[Held] = (),
    ) -> list[tuple[Piece, float]]:
        """A piece for each of ``seeds``, and how likely (log) what is held was.

        ``closing``: with another ending where its own doesn't close it.
        """
        domain = DOMAINS[wishes.domain]
        if prompt is not None:  # which may be more crowded than real music is
            wishes = replace(wishes, most_dense=max(wishes.most_dense, density(prompt)))
        model, among, weight = self._bundle(domain).model, self.among(domain), self._chosen(domain).get("faults", 0.0)
        every = [(*seed, number) if number else seed for seed in seeds for number in range(among)]
        where = [place for place in places for _ in range(among)]
        told, stay = [each for each in latents for _ in range(among)], [each for each in held for _ in range(among)]
        if after_step is None and among > 1:
            after_step = Particles(domain, lambda piece: -weight * part_writing_faults(piece), among, seeds)
        written: list[tuple[TokenArray, float]] = []
        group = after_step.rows if after_step else among
        at_once = max(group, SIDE_BY_SIDE // group * group)  # who is chosen among stays together
        for first in range(0, len(every), at_once):
            some = slice(first, first + at_once)
            written += _side_by_side(
                model, wishes, every[some], prompt=prompt, places=where[some], after_step=after_step, between=between,
                latents=told[some], held=stay[some],
            )  # fmt: skip
        anywhere = prompt is None and not latents and wishes.targets is None
        known = self.transpositions.get(domain) if anywhere else None
        found: list[tuple[Piece, float]] = []
        for first in range(0, len(every), among):
            pieces = [from_tokens(tokens) for tokens, _ in written[first : first + among]]
            best = first + min(range(among), key=lambda number: part_writing_faults(pieces[number]))
            piece, (tokens, likelihood) = pieces[best - first], written[best]
            if closing and domain in TRIED:
                piece = closed(
                    model, tokens, wishes, every[best], where[best] if where else None,
                    given=0 if prompt is None else len(prompt), between=between,
                )  # fmt: skip
            if known:
                piece = known.moved(piece, np.random.default_rng([*every[best], len(SHIFTS)]))  # other draws
            found.append((replace(piece, domain=domain, source="composed"), likelihood))
        return found


def version_of(writer: Writer | None) -> str | None:
    """The version that a report names; None where there is no writer."""
    return writer.version if writer else None


def _pieces(written: Sequence[tuple[Piece, float]]) -> list[Piece]:
    return [piece for piece, _ in written]


def _side_by_side(
    model: PieceModel,
    wishes: Wishes,
    seeds: Sequence[Sequence[int]],
    *,
    prompt: TokenArray | None,
    places: Sequence[Place],
    after_step: Callable[[Writing], None] | None,
    between: Callable[[], None] | None,
    latents: Sequence[BarLatents] = (),
    held: Sequence[Held] = (),
    anew: int = TIMES_ANEW,
) -> list[tuple[TokenArray, float]]:
    """The tokens of a piece for each of ``seeds``, and how likely (log) what is held was.

    Those that come to be too crowded are begun anew, with other draws, and at last taken as they come. Where
    ``after_step`` chooses among them none is given up.
    """
    if after_step or not anew:
        wishes = replace(wishes, most_dense=np.inf)
    writing = Writing(model, wishes, seeds, prompt, places, latents=latents, held=held)
    while not writing.ended.all():
        writing.step()
        if after_step:
            after_step(writing)
        if between:
            between()
    found = list(zip(writing.pieces(), writing.likelihood.tolist(), strict=True))
    if len(rows := np.flatnonzero(writing.given_up).tolist()):
        others, where = [(*seeds[row], ANEW) for row in rows], [places[row] for row in rows if places]
        written = _side_by_side(
            model, wishes, others, prompt=prompt, places=where, after_step=None, between=between, anew=anew - 1,
            latents=[latents[row] for row in rows if latents], held=[held[row] for row in rows if held],
        )  # fmt: skip
        for row, other in zip(rows, written, strict=True):
            found[row] = other
    return found


def returns_of_form(form: str, bars: int | None) -> dict[int, int]:
    """How many bars back the bars of sections that come again were heard, by number; raises ``ValueError``.

    Bars of a section's first time are left out: what comes again within it is the model's choice.
    """
    if not form:
        return {}
    if bars is None or bars % len(form):
        raise ValueError(f"the form {form} has {len(form)} sections of equal length; {bars} bars can't be divided so")
    length = bars // len(form)
    found: dict[int, int] = {}
    for section, letter in enumerate(form):
        earlier = form.rfind(letter, 0, section)
        back = (section - earlier) * length
        if earlier >= 0 and back <= FARTHEST:
            found |= {section * length + bar + 1: back for bar in range(length)}
    return found
