"""Mood from notes: ``python -m models.evaluate.mood [--data DIR] [--model PATH] [--seed N] [--limit N]``.

DIR is a folder of music whose ``metadata.csv`` has valence and arousal (-1 to 1), or quadrant: all of it is test music
for the judges that are given; a rival on five features is fitted on EMOPIA, where it is there. Without DIR, EMOPIA:
judges and rivals are fitted on four fifths of the songs and judge the rest, for several divisions; then the composer's
clips are moved to moods, by rules and by search; where there are held-out clips, their styles are swapped and mood is
read from their latents. Last, beats of held-out performances. ``--save`` keeps the figures beside the judges, where the
page of styles reads them. Prints a table and, as its last line, one JSON object.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from models.experiments.arguments import exit_on_error, exit_without_music, positive_int
from models.experiments.provenance import data_hash
from models.experiments.report import Report, save_evaluation
from models.mood.beat_training import beats
from models.mood.beats import BeatNetwork, load_beats, performances_with_bars
from models.mood.control import TOGETHER, TOLD, Composed, QuantisedElements, control, surest, transfer
from models.mood.judge import SHIPPED, MoodBundle, Moods, load_mood
from models.mood.labels import AROUSAL, QUADRANTS, VALENCE, Labelled, digest, emopia, labelled_folder
from models.mood.training import PRESETS, crossfitted, hand_made_rival, judged_folder, probe
from models.music.notes import MusicError, Piece
from models.style.bundle import style_folder
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.drafting import draft_each, draft_many, play_each
from models.style.evaluation.clips import Clips, Excerpts, corpora_parts, real_excerpts, regular
from models.style.latents import BARS

SEEDS = 3
DRAFTS, CLIPS = 208, 96  # composed clips that are moved, held-out clips between which styles are swapped
REAL, POOL = 208, 2000  # held-out clips beside which results are recognised, and among which sure ones are looked for
PROBED = 400  # held-out clips whose latents are read
PERFORMANCES = 50  # whose beats are looked for


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.mood", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of music with moods")
    parser.add_argument("--model", default=SHIPPED, help="a shipped model, or the folder of one of your own")
    parser.add_argument("--limit", type=positive_int, help="clips")
    parser.add_argument(
        "--save", action="store_true", help="keep the figures beside the judges, for the page of styles"
    )
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    with exit_on_error():
        bundle = load_mood(given.model)
    with exit_without_music():
        labelled = emopia() if given.data is None else labelled_folder(given.data)
        if given.limit is not None and given.limit < len(labelled):
            labelled = labelled.taken(
                np.sort(np.random.default_rng(given.seed).permutation(len(labelled))[: given.limit])
            )
        about = {"hash": data_hash(labelled.pieces), "n": len(labelled)}
        model = {"version": bundle.version, "sha256": bundle.card["sha256"]["mood"]}
        report = Report("evaluate.mood", about, model, given.seed)
        if given.data is None:
            crossfitted(report, labelled, PRESETS["cpu"], SEEDS)
            network = load_beats()
            composed(report, bundle, network.network, given.limit)
            beats(report, network, min(PERFORMANCES, given.limit or PERFORMANCES))
        else:
            about["heard"] = sum(digest(piece) in bundle.first.folds for piece in labelled.pieces)
            said = _said(bundle, labelled)
            try:
                said["hand_made"] = hand_made_rival(labelled)
            except MusicError as error:
                print(f"The rival on five features is left out, since it is fitted on EMOPIA: {error}")
            judged_folder(report, labelled, said)
    if given.save:
        save_evaluation(bundle.folder, report.to_json())
    report.print()


def composed(report: Report, bundle: MoodBundle, network: BeatNetwork, limit: int | None) -> None:
    """What is composed for a mood, beside real pop piano: ``mood.control.*`` and ``mood.transfer.*``."""
    composer = Composer(load_style(style_folder()))
    count = max(TOGETHER, min(DRAFTS, limit or DRAFTS))
    drafts = draft_many(composer, "pop", count, report.seed)
    pieces = play_each(composer, "pop", drafts, range(count))
    pop = regular(piece for piece in corpora_parts(composer.bundle.folder)["test"] if piece.domain == "pop")
    pool = real_excerpts(pop, BARS, min(POOL, 10 * (limit or POOL)), report.seed)
    sure = surest(bundle.first, pool, REAL // len(QUADRANTS))
    told = written_for_moods(composer, count // TOGETHER * max(TOLD), report.seed)
    elements = quantised(composer, performances_with_bars(network)[:limit])
    first = partial(_first, pool)
    control(report, bundle, Composed(composer, drafts, pieces, told, elements), first(REAL), sure)
    if pool.pieces:
        transfer(report, bundle, composer, _clips(first(min(CLIPS, limit or CLIPS))), report.seed)
        probe(report, bundle, composer, _clips(first(min(PROBED, limit or PROBED))))


def written_for_moods(composer: Composer, count: int, seed: int) -> list[list[Piece]]:
    """What is heard of ``count`` drafts for each quadrant; nothing where the piece model knows of no moods."""
    if composer.writer is None or not composer.writer.heeds_moods:
        return []
    found = []
    for quadrant in range(len(QUADRANTS)):
        seeds = [int(each) for each in np.random.SeedSequence([seed, quadrant]).generate_state(count, np.uint32)]
        mood = float(VALENCE[quadrant]), float(AROUSAL[quadrant])
        found.append(play_each(composer, "pop", draft_each(composer, ["pop"] * count, seeds, mood), seeds))
    return found


def quantised(composer: Composer, performances: Sequence[Piece]) -> QuantisedElements | None:
    """Elements in codes, from EMOPIA's training clips in bars; None where fewer than one of each quadrant is there."""
    latents, place = [], []
    for piece in track(performances, "performances", console=Console(stderr=True)):
        with suppress(MusicError):
            latents.append(composer.encode(piece))
            place.append(QUADRANTS.index(piece.extra["quadrant"]))
    return QuantisedElements.of(latents, np.array(place)) if len(set(place)) == len(QUADRANTS) else None


def _first(real: Excerpts, count: int) -> Excerpts:
    return real.some(range(min(count, len(real.pieces))))


def _clips(real: Excerpts) -> Clips:
    several = len(real.pieces)
    return Clips(real.pieces, [None] * several, real.songs, ["pop"] * several)


def _said(bundle: MoodBundle, labelled: Labelled) -> dict[str, Moods]:
    """What both judges say together, and each alone."""
    first, second = bundle.first.judge(labelled.pieces), bundle.second.judge(labelled.pieces)
    return {"both": Moods.mean([first, second]), "first": first, "second": second}


if __name__ == "__main__":
    main()
