"""Film and music: ``python -m models.evaluate.tie [--data DIR] [--film PATH] [--model PATH] [--seed N] [--limit N]``.

Held-out films are walks through held-out drawings of DIR (KALLOS_CORPORA/pictures without it), which are set to music
in every way (``models.picture.tie.evaluation`` says what is measured and how); --film is one more, KALLOS_CORPORA/film
without it: (c) Blender Foundation, CC BY 3.0. The learned tie is that of simulated listeners, one of each kind
(``models.picture.fit.evaluation``), after 60 picks about other drawings and music. Then excerpts of held-out music are
shown in pictures. Prints a table and, as its last line, one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from models.experiments.arguments import exit_on_error, exit_without_music, positive_int
from models.experiments.report import Report
from models.metrics.music_statistics import attributes
from models.music.corpora import corpora_folder
from models.music.notes import Piece
from models.picture import readouts
from models.picture.autoencoder import PictureBundle, load_pictures
from models.picture.collection import halves
from models.picture.drawing import PictureDrawing
from models.picture.drawings import load_drawings
from models.picture.film import Pictures, read_film
from models.picture.fit.evaluation import Material, picked_links
from models.picture.fit.head import SEEN, of_music, of_pictures
from models.picture.reading import read_folder
from models.picture.tie.checkpoint import SHIPPED, load_tie
from models.picture.tie.evaluation import SHORTEST_S, Films, evaluate, evaluate_shown, own_film, walk
from models.picture.tie.scoring import LEARNED, WAYS, Scorer, Watched
from models.picture.tie.showing import Shower
from models.style.bundle import style_folder
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.evaluation.clips import corpora_parts, real_excerpts, regular
from models.style.latents import BARS

LISTENED, SEEN_BY_LISTENERS = 120, 120  # pieces and drawings that listeners are asked about
SECONDS, FILMS, FITTED_ON, TIMES = 24.0, 100, 30, 4


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.tie", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of pictures that films are made of")
    parser.add_argument("--film", type=Path, help="a film that is set to music as well")
    parser.add_argument("--model", default=SHIPPED, help="a shipped tie, or the folder of one of your own")
    parser.add_argument("--limit", type=positive_int, default=FILMS, help="films")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    corpora = corpora_folder() or Path()
    composer = Composer(load_style(style_folder()))
    with exit_on_error():
        tie, pictures, drawings = load_tie(given.model), load_pictures(), load_drawings().rich()
        folder = read_folder(given.data or corpora / "pictures").pictures
        own = given.film or next(iter(sorted((corpora / "film").glob("*.*"))), None)
        film = None if own is None else read_film(own)
    scorer = Scorer(composer, pictures, tie)
    if given.data is None:
        others, tested = ([each.pixels for each in folder if each.path in pictures.held_out[part]]
                          for part in ("validation", "test"))  # fmt: skip
    else:  # all of it is test data: what is matched is fitted on one half and tested on the other
        with exit_on_error():
            others, tested = ([folder[row].pixels for row in rows] for rows in halves(folder))
    rng = np.random.default_rng(given.seed)
    films = walks(pictures, tested, given.limit, rng)
    fitted_on = walks(pictures, others, min(FITTED_ON, given.limit), rng)
    about = {"hash": hashlib.sha256(b"".join(each.tobytes() for each in tested)).hexdigest()[:16], "n": len(films)}
    if own is not None:
        about["film"] = own.name
    model = {"version": tie.card["version"], "sha256": tie.card["sha256"]["tie"], "style": composer.version}
    report = Report("evaluate.tie", about, {**model, "pictures": pictures.version}, given.seed)
    with exit_without_music():
        held_out = held_out_pop(composer)
        real = real_excerpts(held_out["test"], BARS, len(films), given.seed)
        asked = asked_about(held_out["validation"], others, given.seed)
        ways, links = (*WAYS, LEARNED), picked_links(asked, given.seed)
        evaluate(report, scorer, Films(fitted_on, films), ways, real, links=links)
        shower = Shower(tie, drawings.latents, composer)
        drawing, music = PictureDrawing(pictures, drawings), excerpts(held_out, given.limit, given.seed)
        evaluate_shown(report, shower, drawing, music, ways, links=links)
        if film is not None:
            own_film(report, scorer, Watched(film, pictures), ways, min(TIMES, given.limit), links=links)
    report.print()


def held_out_pop(composer: Composer) -> dict[str, list[Piece]]:
    """The pop pieces of the corpora that the composer's model held out, by part."""
    parts = corpora_parts(composer.bundle.folder)
    return {name: regular(piece for piece in parts[name] if piece.domain == "pop") for name in ("validation", "test")}


def excerpts(held_out: Mapping[str, list[Piece]], count: int, seed: int) -> dict[str, list[Piece]]:
    """Real music to be shown: ``count`` test excerpts, and fewer of validation music on which matching is fitted."""
    many = {"test": count, "fit": min(FITTED_ON, count)}
    parts = {"test": "test", "fit": "validation"}
    return {name: list(real_excerpts(held_out[parts[name]], BARS, many[name], seed).pieces) for name in many}


def asked_about(music: list[Piece], others: list[Pictures], seed: int) -> Material:
    """What listeners are asked about: drawings that no tested film is of, and validation ``music``."""
    rows = np.random.default_rng(seed).permutation(len(others))[:SEEN_BY_LISTENERS]
    pixels = np.stack([others[row] for row in rows])
    pieces = real_excerpts(music, BARS, LISTENED, seed).pieces
    heard = np.stack([of_music(attributes(piece), "pop") for piece in pieces])
    return Material(heard, of_pictures(readouts.of_pictures(pixels), readouts.USUAL[:, : len(SEEN)]))


def walks(seen: PictureBundle, pictures: list[Pictures], count: int, rng: np.random.Generator) -> list[Watched]:
    """Films of ``SECONDS`` through pictures drawn at random."""
    many = int(SECONDS / SHORTEST_S) + 1
    if len(pictures) < many:
        raise SystemExit(f"{len(pictures)} held-out pictures are too few for a film; {many} are needed")
    return [
        Watched(walk([pictures[row] for row in rng.choice(len(pictures), many, replace=False)], SECONDS, rng), seen)
        for _ in range(count)
    ]


if __name__ == "__main__":
    main()
