"""What a piece model makes of latents that it is told: ``python -m models.evaluate.conditioning [--writer MODEL]``.

Held-out clips are written again from latents of their bars (``--ways``). ``nothing``: none is told. ``again``: all
groups. ``alone``: one group of a clip and no other. ``swapped``: all groups, one of them another clip's, by which is
guided. ``styled``: the tune of a clip, with all styles of one other, once and, as in the studio, the best of some
tries (``of_1``, ``of_8``). The last three have figures for each ``--guidance``.

``found`` is the rank correlation of the group's attribute with that of the clip that it is of (harmony: of chroma; of
content and the tune: of the top line, within a clip); ``first`` how often that clip's top line is the nearest among its
domain's; ``f1`` of onsets and pitches; ``two_sample`` how often a classifier tells what was written from the real
clips, a song whole in one fold.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.experiments.arguments import exit_without_music, positive_int
from models.experiments.dataset import training_pieces
from models.experiments.provenance import data_hash
from models.experiments.report import Report, mean_over_songs, over_songs
from models.metrics import music_statistics as ms
from models.metrics.two_sample import two_sample_test
from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.music.tokens import METER, TEMPO, to_tokens
from models.style.checkpoint import MODEL_HELP, style_argument
from models.style.compose import Composer
from models.style.drafts import TUNE_TIMES
from models.style.evaluation.clips import Clips, choose_clips, corpora_parts, donors_of
from models.style.evaluation.reconstruction import onset_pitch
from models.style.evaluation.swaps import FINEST, correlation, found_first, group_attributes, line_likeness
from models.style.latents import GROUPS, STYLE_GROUPS, TOLD_GROUPS, TUNE
from models.style.pieces.bar_latents import BarLatents, tune_correlation
from models.style.pieces.conditions import ABSENT, Place
from models.style.pieces.sampling import Writer
from models.style.windows import make_windows

BEFORE = 8  # bars: what is written is no beginning
OF_TEMPO = TOLD_GROUPS.index("tempo")
WAYS = ("nothing", "again", "alone", "swapped", "styled")
LINES = ("content", TUNE)  # whose attribute is the top line


@dataclass(frozen=True)
class Material:
    """Held-out clips of one domain, what is read off them, and who may lend to whom."""

    domain: Domain
    clips: Clips
    latents: list[BarLatents]
    donors: npt.NDArray[np.int64]
    sizes: tuple[int, ...]

    def of(self, groups: Sequence[str], donors: Mapping[str, npt.NDArray[np.int64]]) -> list[BarLatents]:
        """These groups of each clip, or of its donor, and of no other."""
        told = np.isin(TOLD_GROUPS, groups)
        found = []
        for index, own in enumerate(self.latents):
            values, known = own.values.copy(), own.told.copy()
            edges = np.cumsum([0, *self.sizes])
            for number, group in enumerate(TOLD_GROUPS):
                if group in donors:
                    other = self.latents[int(donors[group][index])]
                    place = np.arange(len(values)) % len(other.values)
                    part = slice(edges[number], edges[number + 1])
                    values[:, part], known[:, number] = other.values[place, part], other.told[place, number]
            found.append(BarLatents(values, known & told, own.doubt))
        return found


class Study:
    """Writes clips from latents, and says of them what is found and how often they are told from real ones."""

    def __init__(
        self, report: Report, writer: Writer, composer: Composer, material: Material, temperature: float | None
    ) -> None:
        self.report, self.writer, self.composer, self.material = report, writer, composer, material
        self.temperature = temperature
        self.real = group_attributes(material.clips.pieces)

    def tuned(
        self, latents: Sequence[BarLatents], guidance: float, guided: Sequence[str]
    ) -> dict[int, Sequence[Piece]]:
        """As ``written`` for each of ``latents``: the first of ``TUNE_TIMES``, and the one that keeps its tune best."""
        reader = self.writer.reader(self.composer.model)
        tries = [self.written(latents, guidance, guided, number) for number in range(TUNE_TIMES)]
        kept = [
            [tune_correlation(told, read) for told, read in zip(latents, reader.read(tokens), strict=True)]
            for tokens in ([to_tokens(piece) for piece in pieces] for pieces in tries)
        ]
        best = [tries[number][row] for row, number in enumerate(np.argmax(kept, axis=0).tolist())]
        return {1: tries[0], TUNE_TIMES: best}

    def written(
        self, latents: Sequence[BarLatents], guidance: float = 1.0, guided: Sequence[str] = (), number: int = 0
    ) -> list[Piece]:
        """A clip from each of ``latents``; in a clip's meter, and in its tempo where they tell none."""
        places, reader = [], self.writer.reader(self.composer.model)
        for piece, told in zip(self.material.clips.pieces, latents, strict=True):
            head = to_tokens(piece)[0]
            tempo = reader.tempo(told) if told.told[0, OF_TEMPO] else int(head[TEMPO])
            places.append(Place(BEFORE, ABSENT, (), int(head[METER]), tempo))
        seeds = [(self.report.seed, index, number) for index in range(len(latents))]
        written = self.writer.told(
            self.material.domain, latents, seeds, places, guidance=guidance, guided=guided if guidance != 1 else (),
            temperature=self.temperature,
        )  # fmt: skip
        return [piece for piece, _ in written]

    def tell(self, name: str, pieces: Sequence[Piece]) -> None:
        """``NAME.two_sample``, of what has as many bars as its clip."""
        real = self.material.clips.pieces
        rows = [row for row, piece in enumerate(pieces) if len(piece.bars) == len(real[row].bars)]
        both = [self.material.clips.songs[row] for row in rows] * 2
        right = two_sample_test([real[row] for row in rows], [pieces[row] for row in rows], both)
        self.report.add(f"{name}.two_sample", mean_over_songs(both, right, chance=0.5))

    def find(self, name: str, group: str, pieces: Sequence[Piece], donors: npt.NDArray[np.int64]) -> None:
        """``NAME.found``: how well the pieces have the group of their donors."""
        clips, songs = self.material.clips, self.material.clips.songs
        if group in LINES:
            self.lines(name, pieces, donors)
        elif group == "harmony":
            alike = [ms.chroma_correlation(clips.pieces[d], piece) for d, piece in zip(donors, pieces, strict=True)]
            self.report.add(f"{name}.found", mean_over_songs(songs, alike))
        else:
            asked, got = self.real[group][donors], group_attributes(list(pieces))[group]
            domains, least = np.array(clips.domains), FINEST.get(group, 1e-6)

            def of(rows: npt.NDArray[np.int64]) -> float:
                return correlation(asked[rows], got[rows], domains[rows], least)

            self.report.add(f"{name}.found", over_songs(songs, of, draws=200, chance=0.0))

    def lines(self, name: str, pieces: Sequence[Piece], donors: npt.NDArray[np.int64]) -> None:
        """``NAME.found`` and ``NAME.first`` of top lines: in what register and key they are doesn't count."""
        songs = self.material.clips.songs
        alike = line_likeness(pieces, self.material.clips.pieces)
        self.report.add(f"{name}.found", mean_over_songs(songs, alike[np.arange(len(donors)), donors], chance=0.0))
        first = found_first(alike, donors)
        self.report.add(f"{name}.first", mean_over_songs(songs, first, chance=1 / alike.shape[1]))

    def run(self, guidances: Sequence[float], ways: Sequence[str]) -> None:
        """All figures of ``ways``."""
        domain, material = self.material.domain, self.material
        own = np.arange(len(material.clips.pieces))
        prefix = f"conditioning.{domain}"
        if "nothing" in ways:
            self.tell(f"{prefix}.nothing", self.written(material.of((), {})))
        if "again" in ways:
            again, name = self.written(material.of(TOLD_GROUPS, {})), f"{prefix}.again"
            f1 = [
                ms.note_f1(onset_pitch(piece), onset_pitch(real))
                for piece, real in zip(again, material.clips.pieces, strict=True)
            ]
            self.report.add(f"{name}.f1", mean_over_songs(material.clips.songs, f1))
            self.lines(name, again, own)
            self.tell(name, again)
        for group in TOLD_GROUPS if "alone" in ways else ():
            for guidance in guidances:
                pieces = self.written(material.of((group,), {}), guidance, TOLD_GROUPS)
                name = f"{prefix}.alone.{group}.{guidance:g}"
                self.find(name, group, pieces, own)
                self.tell(name, pieces)
        for group in STYLE_GROUPS if "swapped" in ways else ():
            for guidance in guidances:
                pieces = self.written(material.of(TOLD_GROUPS, {group: material.donors}), guidance, (group,))
                name = f"{prefix}.swapped.{group}.{guidance:g}"
                self.find(name, group, pieces, material.donors)
                self.tell(name, pieces)
        if "styled" in ways:
            self.styled(guidances)

    def styled(self, guidances: Sequence[float]) -> None:
        """The tune of a clip with all styles of another, written once and, as in the studio, the best of some."""
        material, prefix = self.material, f"conditioning.{self.material.domain}"
        own = np.arange(len(material.clips.pieces))
        others = dict.fromkeys(STYLE_GROUPS, material.donors)
        for told, guided in (((*GROUPS, TUNE), LINES), ((*STYLE_GROUPS, TUNE), (TUNE,))):
            for guidance in guidances:
                for times, pieces in self.tuned(material.of(told, others), guidance, guided).items():
                    name = f"{prefix}.styled.{'both' if 'content' in told else TUNE}.{guidance:g}.of_{times}"
                    self.lines(name, pieces, own)
                    self.tell(name, pieces)


def material_of(
    writer: Writer, composer: Composer, pieces: Sequence[Piece], domain: Domain, *, limit: int, seed: int
) -> Material:
    """Up to ``limit`` held-out clips of a domain; raises ``MusicError`` where there are none."""
    windows = make_windows([piece for piece in pieces if piece.domain == domain])
    clips = choose_clips(windows, limit, seed)
    reader = writer.reader(composer.model)
    return Material(
        domain, clips, reader.read([to_tokens(piece) for piece in clips.pieces]), donors_of(clips, seed), reader.sizes
    )


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.conditioning", description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, help="folder of MIDI and ABC files; the corpora's held-out part")
    parser.add_argument("--model", type=style_argument, default="default", help=MODEL_HELP)
    parser.add_argument("--writer", help="a piece model that hears latents, by default the style model's")
    parser.add_argument("--domain", action="append", choices=DOMAINS, help="may be given several times; all by default")
    parser.add_argument("--part", choices=("validation", "test"), default="validation", help="of the corpora")
    parser.add_argument("--limit", type=positive_int, default=200, help="clips of a domain")
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0, 1.5, 2.0, 3.0])
    parser.add_argument("--temperature", type=float, help="by which logits are divided; as the card says")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="of telling, to measure")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    composer = Composer(given.model)
    writer = Writer.load(given.writer) if given.writer else composer.writer
    if writer is None:
        parser.error(f"the card of {composer.version} names no piece model that hears latents; give --writer")
    with exit_without_music():
        parts = (
            corpora_parts(composer.bundle.folder) if given.data is None else {given.part: training_pieces(given.data)}
        )
        pieces = parts[given.part]
        report = Report(
            "evaluate.conditioning", {"hash": data_hash(pieces), "n": given.limit},
            {"version": writer.version, "steps": writer.bundle.card["steps"]}, given.seed,
        )  # fmt: skip
        for domain in given.domain or DOMAINS:
            try:
                material = material_of(writer, composer, pieces, domain, limit=given.limit, seed=given.seed)
            except MusicError as error:
                print(f"{domain} is left out: {error}")
                continue
            Study(report, writer, composer, material, given.temperature).run(given.guidance, given.ways)
    report.print()


if __name__ == "__main__":
    main()
