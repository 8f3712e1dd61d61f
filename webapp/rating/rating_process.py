"""The process in which the network listens: torch and its memory are gone when it ends.

``python -m webapp.rating.rating_process FOLDER MODEL tagger|mel`` rates ``FOLDER/sounds.npz`` (samples and rates, by
number) and writes ``FOLDER/ratings.json`` and, for each sound that could be rated, its picture and what raised and
lowered p: by the networks behind the tagger, or by those that learned here alone. Where the network has a map of its
tracks, a sound that has a rating is placed on it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from models.atlas.tracks import TrackMap
from models.music.decoding import SoundError
from models.rating.network import attribution
from models.rating.rater import load_bundle, load_mel, order, rate
from models.rating.sound import FRAMES_A_SECOND, checked, log_mel
from models.rating.tagger import WINDOW

COLUMNS = 260  # of a picture on a page
SMOOTH = (1.2, 0.8)  # bands and columns: what single places add is noise to an eye
WINDOWS, MOST_WINDOWS, FEWEST_WINDOWS = 15, 5, 2  # shown of all sounds and of each: attribution of one takes 2 s


def main(folder: Path, model: str, ears: str) -> None:
    """See the module docstring."""
    torch.set_num_threads(1)
    bundle = load_bundle(model)
    mel = load_mel(bundle.folder) if ears == "mel" else None
    known = TrackMap.load(bundle.folder, bundle.version)
    told = json.loads((folder / "sounds.json").read_text(encoding="utf-8"))
    found, ratings, rated = [], [], []
    pictures: dict[str, np.ndarray] = {}
    with np.load(folder / "sounds.npz") as samples:
        for number, (name, rate_hz) in enumerate(told):
            try:
                sound = checked(samples[str(number)], rate_hz, name)
            except SoundError as error:
                found.append({"name": name, "problem": str(error)})
                continue
            rating, seen = rate(bundle, sound, mel), log_mel(sound.samples)
            picture = seen[:, : frames_shown(len(told))]
            placed = known.place(bundle, seen) if known and rating.p is not None else None
            lies = asdict(placed) if placed else {}
            about = {"name": name, "seconds": sound.seconds, "shown_s": picture.shape[1] / FRAMES_A_SECOND}
            found.append({**about, **asdict(rating), **lies, "remarks": sound.remarks})
            ratings.append(rating)
            rated.append(number)
            pictures[f"picture{number}"] = _narrow(picture)
            if rating.p is not None:
                raised = attribution(mel or bundle.ensemble, picture)
                pictures[f"attribution{number}"] = gaussian_filter(_narrow(raised), SMOOTH)
    np.savez(folder / "pictures.npz", allow_pickle=False, **pictures)
    answer = {"version": bundle.version, "sounds": found, "order": [rated[at] for at in order(ratings)]}
    (folder / "ratings.json").write_text(json.dumps(answer), encoding="utf-8")


def frames_shown(sounds: int) -> int:
    """Of each of so many sounds."""
    return max(FEWEST_WINDOWS, min(MOST_WINDOWS, WINDOWS // sounds)) * WINDOW


def _narrow(picture: np.ndarray) -> np.ndarray:
    """At most ``COLUMNS`` columns, each the mean of those that it stands for."""
    edges = np.linspace(0, picture.shape[1], min(COLUMNS, picture.shape[1]) + 1).astype(int)
    return np.stack([picture[:, a:b].mean(axis=1) for a, b in pairwise(edges)], axis=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
