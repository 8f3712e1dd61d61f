"""Music with moods that people gave it: EMOPIA's quadrants (Hung et al. 2021), or a folder with valence and arousal.

The quadrants are Russell's (1980): Q1 happy, Q2 tense or angry, Q3 sad, Q4 calm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.experiments.dataset import piece_name, training_pieces
from models.music import corpora
from models.music.notes import MusicError, Piece

Floats = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

QUADRANTS = ("Q1", "Q2", "Q3", "Q4")
VALENCE, AROUSAL = np.array([1.0, -1.0, -1.0, 1.0]), np.array([1.0, 1.0, -1.0, -1.0])  # signs of the quadrants
LEAST_NOTES = 4


@dataclass(frozen=True)
class Labelled:
    """Pieces, the song of each, and their valence and arousal ``(pieces,)``: -1 to 1, NaN where nobody said.

    ``graded``: whether these are more than the signs that a quadrant has.
    """

    pieces: tuple[Piece, ...]
    songs: tuple[str, ...]
    valence: Floats
    arousal: Floats
    graded: bool = False

    def __len__(self) -> int:
        return len(self.pieces)

    @property
    def quadrant(self) -> IntArray:
        """Index into ``QUADRANTS``, -1 where the sign of either is unknown: ``(pieces,)``."""
        return quadrant_of(self.valence, self.arousal)

    def taken(self, rows: Sequence[int] | IntArray) -> Labelled:
        """Only these rows."""
        chosen = np.asarray(rows, dtype=np.int64)
        return Labelled(
            tuple(self.pieces[row] for row in chosen),
            tuple(self.songs[row] for row in chosen),
            self.valence[chosen],
            self.arousal[chosen],
            self.graded,
        )


def quadrant_of(valence: Floats, arousal: Floats) -> IntArray:
    """The quadrant of each pair, -1 where a value is 0 or unknown."""
    found = np.full(len(valence), -1, dtype=np.int64)
    for place in range(len(QUADRANTS)):
        found[(valence * VALENCE[place] > 0) & (arousal * AROUSAL[place] > 0)] = place
    return found


def emopia() -> Labelled:
    """EMOPIA's clips; raises ``MusicError`` where the corpus is not there."""
    pieces = corpora.load("emopia")
    place = np.array([QUADRANTS.index(piece.extra["quadrant"]) for piece in pieces])
    return Labelled(tuple(pieces), tuple(piece.extra["song"] for piece in pieces), VALENCE[place], AROUSAL[place])


def labelled_folder(folder: Path) -> Labelled:
    """A folder of music whose ``metadata.csv`` has valence and arousal, or quadrant.

    What can't be used is left out with a line. Raises ``MusicError`` where nothing is left.
    """
    pieces, songs, moods, graded = [], [], [], False
    unlabelled = 0
    for piece in training_pieces(folder):
        try:
            mood = _mood(piece)
        except MusicError as error:
            print(f"{piece.piece_id} is left out: {error}")
            continue
        if mood is None:
            unlabelled += 1
            continue
        pieces.append(piece)
        songs.append(piece_name(piece))
        moods.append(mood)
        graded |= any(abs(value) not in {0.0, 1.0} for value in mood if np.isfinite(value))
    if unlabelled:
        print(f"{unlabelled} {'piece has' if unlabelled == 1 else 'pieces have'} no mood in metadata.csv: left out")
    if not pieces:
        raise MusicError(f"no piece in {folder} has a mood: metadata.csv needs valence and arousal, or quadrant")
    valence, arousal = np.array(moods, dtype=np.float64).T
    return Labelled(tuple(pieces), tuple(songs), valence, arousal, graded)


def _mood(piece: Piece) -> tuple[float, float] | None:
    """Valence and arousal as ``metadata.csv`` has them; None where it has neither. Raises ``MusicError``."""
    if len(piece.notes) < LEAST_NOTES:
        raise MusicError(f"it has {len(piece.notes)} notes; at least {LEAST_NOTES} are needed")
    said = {name: piece.extra[name] for name in ("valence", "arousal") if name in piece.extra}
    if said:
        return _degree("valence", said.get("valence")), _degree("arousal", said.get("arousal"))
    if (quadrant := piece.extra.get("quadrant")) is None:
        return None
    name = f"Q{quadrant.strip().upper().removeprefix('Q')}"
    if name not in QUADRANTS:
        raise MusicError(f"its quadrant is {quadrant!r}; there are {', '.join(QUADRANTS)}")
    place = QUADRANTS.index(name)
    return float(VALENCE[place]), float(AROUSAL[place])


def _degree(name: str, text: str | None) -> float:
    if text is None:
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        value = float("inf")
    if not abs(value) <= 1:
        raise MusicError(f"its {name} is {text!r}; it must be a number from -1 to 1")
    return value


def digest(piece: Piece) -> str:
    """Which notes these are."""
    return hashlib.sha256(np.ascontiguousarray(piece.notes[:, :3]).tobytes()).hexdigest()[:16]
