"""What the players take and look like: a clip with its sound and notes, and the card that it is played on."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradio.data_classes import FileData

UNDO = """<button type="button" class="k-undo" data-testid="undo-pick" aria-label="Undo the last pick"
          aria-keyshortcuts="U" hidden>Undo <kbd aria-hidden="true">U</kbd></button>"""

_deals = itertools.count(1)
Note = tuple[float, float, int, int]  # start and length in seconds, MIDI pitch, velocity

KEYBOARD = f'<div class="k-keys" aria-hidden="true">{"<i></i>" * 7}</div>'

OF_SOUND = {"hear", "hear A", "hear B", "pause"}  # keys that do nothing where pictures are compared


@dataclass(frozen=True)
class Clip:
    """A clip to be heard and seen.

    Args:
        audio: A file of sound that browsers play (WAV, MP3, FLAC, …).
        seconds: How long it lasts.
        notes: (start in seconds, length in seconds, MIDI pitch, velocity) of each note, for the piano roll.
        name: What events call it.
    """

    audio: str | Path
    seconds: float
    notes: Sequence[Note] = ()
    name: str = ""

    def payload(self) -> dict[str, Any]:
        """As the script takes it; Gradio adds the address at which it serves the file."""
        audio = FileData(path=str(self.audio)).model_dump()
        notes = [list(note) for note in self.notes]
        return {"clip_id": self.name, "audio": audio, "seconds": self.seconds, "notes": notes}


def deal_again() -> dict[str, Any]:
    """The value of a player whose clips the server offers, once it may offer others: it asks which."""
    return {"deal": next(_deals)}


def offered(clips: Sequence[Clip] | Mapping[str, Any] | None, sides: Sequence[str]) -> Mapping[str, Any] | None:
    """Clips to be compared, by side, under a number of their own: the same clips given again are another question."""
    if clips is None or isinstance(clips, Mapping):
        return clips
    if len(clips) != len(sides):
        raise ValueError(f"{len(clips)} clips were given; this player compares {len(sides)}")
    named = {side: clip.payload() for side, clip in zip(sides, clips, strict=True)}
    return {"offer_id": uuid.uuid4().hex, "clips": named}


def card(side: str, name: str, key: str = "", below: str = "") -> str:
    """The card of one clip, for ``side`` (a to d): its button, its clock, its piano roll, and what stands ``below``."""
    called = name or "the clip"
    shortcut = f' aria-keyshortcuts="{key}"' if key else ""
    return f"""
<section class="k-clip" data-side="{side}" aria-label="{called}">
  <div class="k-clip-head">
    <button type="button" class="k-play" data-testid="player-{side}" aria-label="Play {called}" aria-pressed="false"
            disabled{shortcut}>
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path class="k-icon-play" d="M8 5.2v13.6L19 12z"/>
        <path class="k-icon-pause" d="M7 5h3.6v14H7zM13.4 5H17v14h-3.6z"/>
      </svg>
    </button>
    <span class="k-letter" aria-hidden="true">{name}</span>
    {f'<kbd aria-hidden="true">{key}</kbd>' if key else ""}
    <span class="k-time" aria-hidden="true"></span>
  </div>
  <div class="k-roll" role="slider" tabindex="0" aria-label="Position in {called}" aria-valuemin="0" aria-valuemax="0"
       aria-valuenow="0"><canvas aria-hidden="true"></canvas></div>{below}
</section>
"""


def answer(outcome: str, key: str, label: str, test_id: str, description: str = "") -> str:
    """A button that gives an answer; ``description`` is for those who don't see where it stands."""
    named = f' aria-label="{description}"' if description else ""
    return (
        f'<button type="button" class="k-answer" data-outcome="{outcome}" data-testid="{test_id}"{named} '
        f'aria-keyshortcuts="{key}" disabled><span>{label}</span> <kbd aria-hidden="true">{key}</kbd></button>'
    )


def progress(legend: Sequence[tuple[str, str]], milestones: int, *, more: bool) -> str:
    """How many picks there are, the keys, and with ``more`` the way back from the last pick and on to clips like it."""
    keys = " ".join(
        f"<span{' class=k-of-sound' if what in OF_SOUND else ''}><kbd>{key}</kbd> {what}</span>" for key, what in legend
    )
    link = '<a class="k-more" data-testid="more" href="more" hidden>More like the one you picked</a>' if more else ""
    undo = UNDO if more else ""
    return f"""
<footer class="k-progress">
  <span class="k-ticks" aria-hidden="true">{"<i></i>" * milestones}</span>
  <span class="k-picks" data-testid="picks">0 picks</span>
  <span class="k-kept" data-testid="kept"></span>
  {undo}
  {link}
  <p class="k-legend"><span class="k-hidden">Keys:</span> {keys}</p>
</footer>
"""
