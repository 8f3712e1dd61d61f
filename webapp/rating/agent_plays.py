"""The process in which a kept agent plays: ``python -m webapp.rating.agent_plays KEPT STYLE SEED FILE.wav DOMAIN``."""

from __future__ import annotations

import sys
from pathlib import Path

import soundfile
import torch

from models.music.render import SAMPLE_RATE_HZ, render
from models.rating.agent.policy import load_agent
from models.rating.evaluation.agent import plays
from models.style.checkpoint import load_style
from models.style.compose import Composer


def main(kept: Path, style: str, seed: int, file: Path, domain: str) -> None:
    """Eight bars of a ``domain``, or where that is empty of the first one that the agent learned."""
    torch.set_num_threads(1)
    writer = Composer(load_style(Path(style))).writer
    if writer is None:
        raise SystemExit("this style model names no piece model")
    bundle = load_agent(kept, writer)
    learned = next(each for each in bundle.card["domains"] if domain in {"", each})
    (piece,) = plays(bundle.writer(writer))(learned, 1, seed)
    soundfile.write(file, render(piece), SAMPLE_RATE_HZ)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), sys.argv[5])
