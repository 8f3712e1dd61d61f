"""The pictures on the tiles of *Make* and *Explore*, drawn from what is shipped: ``python -m webapp.ui.tile_pictures``.

They are kept in ``static/tiles``, so that a page that opens computes nothing. Every picture is made of lines; a dot is
one without length. ``theme.css`` gives them the colours of the page, light or dark. Two are drawn from files:
``--piece`` is a MIDI file of ``kallos compose --domain pop --bars 16``, ``--dream`` a WAV file of the Dreams page.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.music import played
from models.music.midi import read_midi
from models.music.notes import Piece, in_melody
from models.rating.sound import log_mel, read_sound
from models.style.bundle import WEIGHTS
from models.style.latents import STYLE_GROUPS
from models.tension.score import curves, load_tension
from webapp.research.styles.tables import all_tables

FOLDER = Path(__file__).parent / "static" / "tiles"
WIDTH, HEIGHT, EDGE = 320, 160, 16
INK, FELT, LINE = "ink", "felt", "line"  # classes of ``theme.css``
TUNE = "Speed the Plough"
BARS = 8  # of a piece that a picture shows
RUNS = ("linear-linear-0", "cnn-bag-0")
DOTS, OUTER = 900, 0.02  # of a map: so many are drawn, and none of those that lie furthest out
SMOOTH = 12  # steps of training that a point of a loss is the mean of
COLUMNS, ROWS, SIZES = 36, 14, 4  # of a spectrogram
Floats = npt.NDArray[np.float64]


class Drawing:
    """Lines by their class and width; coordinates are 0 to 1, y upwards."""

    def __init__(self) -> None:
        self._paths: dict[tuple[str, float], list[str]] = defaultdict(list)

    def dots(self, x: Floats, y: Floats, kind: str, width: float) -> None:
        """A dot for each place."""
        self._paths[kind, width] += [f"M{px:.0f} {py:.0f}h0" for px, py in self._places(x, y)]

    def line(self, x: Sequence[float] | Floats, y: Sequence[float] | Floats, kind: str, width: float = 2) -> None:
        """A line from place to place."""
        places = self._places(np.asarray(x), np.asarray(y))
        self._paths[kind, width].append("M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in places))

    def notes(
        self, piece: Piece, kinds: Iterable[str], *, low: float = 0.0, high: float = 1.0, width: float = 4
    ) -> None:
        """A piano roll from ``low`` to ``high``: a line a note, each of its kind."""
        onset, length, pitch, _ = (piece.notes[:, column].astype(float) for column in range(4))
        end = (onset + length).max()
        height = low + (high - low) * _unit(pitch)
        for start, stop, y, kind in zip(onset / end, (onset + 0.8 * length) / end, height, kinds, strict=True):
            self.line([start, max(start, stop)], [y, y], kind, width)

    def write(self, name: str, below: str = "") -> None:
        """As ``name``.svg; ``below`` is further markup."""
        paths = "".join(
            f'<path class="{kind}" stroke-width="{width:g}" d="{"".join(lines)}"/>'
            for (kind, width), lines in self._paths.items()
        )
        FOLDER.mkdir(exist_ok=True)
        svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{paths}{below}</svg>\n'
        (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")

    def _places(self, x: Floats, y: Floats) -> Iterable[tuple[float, float]]:
        return zip(
            EDGE + np.asarray(x, float) * (WIDTH - 2 * EDGE),
            HEIGHT - EDGE - np.asarray(y, float) * (HEIGHT - 2 * EDGE),
            strict=True,
        )


def main() -> None:
    """Draw all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--piece", type=Path, required=True)
    parser.add_argument("--dream", type=Path, required=True)
    given = parser.parse_args()
    _, tune = played.read(*_tune())
    piece = read_midi(given.piece)
    maps(pd.read_parquet(WEIGHTS / "maps" / "clips.parquet", columns=["x", "y", "source", "domain"]))
    titles(tune.window(0, BARS))
    retrieval({name: _log(name) for name in RUNS})
    styles()
    tension(tune.window(0, BARS))
    rate(json.loads((WEIGHTS / "rating-cpu" / "tracks.json").read_text(encoding="utf-8"))["tracks"])
    dreams(log_mel(read_sound(given.dream).samples))
    agent(json.loads(Path("docs/results/agent.json").read_text(encoding="utf-8"))["result"]["metrics"])
    runs({name: _log(name) for name in RUNS})
    studio(piece.window(0, BARS))
    whole(piece)


def maps(points: pd.DataFrame) -> None:
    """The map of clips: what is composed, in colour, among collections."""
    near = points[["x", "y"]].rank(pct=True).apply(lambda place: place.between(OUTER, 1 - OUTER)).all(axis=1)
    points = points[near]
    x, y = _unit(points.x), _unit(points.y)
    sample = np.random.default_rng(0).random(len(points)) < DOTS / len(points)
    composed = (points.source == "composed").to_numpy()
    chorale = (points.domain == "chorale").to_numpy()
    drawing = Drawing()
    drawing.dots(x[sample & ~chorale & ~composed], y[sample & ~chorale & ~composed], LINE, 3)
    drawing.dots(x[sample & chorale & ~composed], y[sample & chorale & ~composed], INK, 3)
    drawing.dots(x[composed], y[composed], FELT, 4)
    drawing.write("maps")


def titles(tune: Piece) -> None:
    """A tune below its title."""
    drawing = Drawing()
    drawing.notes(tune, [INK] * len(tune.notes), high=0.65)
    drawing.write("titles", f'<text x="{EDGE}" y="38">{TUNE}</text>')


def retrieval(logs: Mapping[str, pd.DataFrame]) -> None:
    """How well titles and tunes find each other, while two towers learn."""
    drawing = Drawing()
    found = {name: log.dropna(subset="title_to_melody.mrr") for name, log in logs.items()}
    top = max(log["title_to_melody.mrr"].max() for log in found.values())
    for kind, log in zip((FELT, INK), found.values(), strict=True):
        drawing.line(_unit(log.step), (log["title_to_melody.mrr"] / top).to_numpy(), kind, 2.5)
        chance = (log["title_to_melody.chance_mrr"] / top).mean()
    drawing.line([0, 1], [chance, chance], LINE, 1.5)
    drawing.write("retrieval")


def styles() -> None:
    """How well each style of six follows the donor's, and how far the others move."""
    found = {table.name: table for table in all_tables(WEIGHTS / "style-cpu", Path("no runs"))}
    drawing, size = Drawing(), len(STYLE_GROUPS)
    for name, kind in (("drift", INK), ("swaps", FELT)):
        for cell in found[name].cells:
            if cell.row not in STYLE_GROUPS or cell.column not in STYLE_GROUPS or cell.metric.value is None:
                continue
            x, y = STYLE_GROUPS.index(cell.column), size - 1 - STYLE_GROUPS.index(cell.row)
            place = np.array([0.25 + 0.5 * x / (size - 1)]), np.array([y / (size - 1)])
            drawing.dots(*place, kind, round(4 + 16 * min(abs(cell.metric.value), 1)))
    drawing.write("styles")


def tension(tune: Piece) -> None:
    """A tune, and how much each bar of it surprises."""
    heard = curves(load_tension(), tune)
    surprise = np.array([each or 0.0 for each in heard.surprise], float)
    drawing = Drawing()
    drawing.notes(tune, [INK] * len(tune.notes), low=0.5)
    height = 0.4 * (surprise - 0.5 * surprise.min()) / (surprise.max() - 0.5 * surprise.min())
    for bar, high in enumerate(height):
        middle = (bar + 0.5) / len(height)
        drawing.line([middle, middle], [0, high], FELT, 14)
    drawing.write("tension")


def rate(tracks: Sequence[Mapping[str, float]]) -> None:
    """The tracks that a rating network knows, the better liked half in colour."""
    found = pd.DataFrame(tracks)
    x, y, liked = _unit(found.x), _unit(found.y), (found.p > found.p.median()).to_numpy()
    drawing = Drawing()
    drawing.dots(x[~liked], y[~liked], LINE, 6)
    drawing.dots(x[liked], y[liked], FELT, 6)
    drawing.write("rate")


def dreams(picture: npt.NDArray[np.float32]) -> None:
    """The spectrogram of a dream: a dot the larger, the louder it is there."""
    parts = [np.stack([cell.mean() for cell in np.array_split(band, COLUMNS, axis=1)]) for band in
             np.array_split(picture, ROWS, axis=0)]  # fmt: skip
    loud = _unit(np.argsort(np.argsort(np.stack(parts).ravel())).astype(float)).reshape(ROWS, COLUMNS)
    drawing = Drawing()
    for size in range(1, SIZES + 1):
        row, column = np.nonzero(np.ceil(loud * SIZES) == size)
        drawing.dots(column / (COLUMNS - 1), row / (ROWS - 1), FELT if size == SIZES else INK, 2 * size - 1)
    drawing.write("dreams")


def agent(metrics: Mapping[str, Mapping[str, float]]) -> None:
    """The reward before and after an agent has learned, and a judge that never rewarded it."""
    drawing = Drawing()
    for name, kind in (("judge", INK), ("reward", FELT)):
        values = [metrics[f"agent.dance.{who}.{name}"]["value"] / 1.4 for who in ("alone", "agent")]
        drawing.line([0.2, 0.8], values, kind, 2.5)
        drawing.dots(np.array([0.2, 0.8]), np.array(values), kind, 12)
    drawing.write("agent")


def runs(logs: Mapping[str, pd.DataFrame]) -> None:
    """The loss of two trainings."""
    drawing = Drawing()
    for kind, log in zip((FELT, INK), logs.values(), strict=True):
        loss = log.dropna(subset="loss")
        smooth = np.convolve(loss.loss / loss.loss.max(), np.ones(SMOOTH) / SMOOTH, mode="valid")
        drawing.line(_unit(loss.step[: len(smooth)])[::4], smooth[::4], kind, 2.5)
    drawing.write("runs")


def studio(piece: Piece) -> None:
    """A clip whose tune is locked."""
    drawing = Drawing()
    drawing.notes(piece, np.where(in_melody(piece), FELT, INK))
    drawing.write("studio")


def whole(piece: Piece) -> None:
    """A piece as it is written on: the sections in turn light and dark."""
    section = piece.notes[:, 0] // (piece.notes[:, 0].max() // 4 + 1)
    drawing = Drawing()
    drawing.notes(piece, [FELT if each % 2 else INK for each in section], width=2.5)
    drawing.write("whole")


def _tune() -> tuple[str, str]:
    _, entry = played.find(TUNE, "dance")[0]
    return entry.corpus, entry.name


def _log(run: str) -> pd.DataFrame:
    """What a shipped training of title towers logged: a row a step, its figures by name."""
    lines = map(json.loads, (WEIGHTS / "runs" / "titles" / run / "log.jsonl").read_text(encoding="utf-8").splitlines())
    return pd.DataFrame([{"step": each["step"], **each["values"]} for each in lines if each["kind"] == "metrics"])


def _unit(values: pd.Series | Floats) -> Floats:
    found = np.asarray(values, float)
    unit: Floats = (found - found.min()) / np.ptp(found)
    return unit


if __name__ == "__main__":
    main()
