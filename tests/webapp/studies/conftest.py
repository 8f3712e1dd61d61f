"""A study that is open, with clips of notes and sound that were really made, and people who take part in it."""

from __future__ import annotations

import io
import secrets
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import soundfile

from models.music.midi import write_midi
from models.music.notes import Piece
from webapp.context import Context
from webapp.studies import clips, deletion, participation, studies
from webapp.studies.clip_making import make
from webapp.studies.design import MOODS
from webapp.studies.keys import Keys
from webapp.studies.participation import Joining
from webapp.studies.sources import Task

SYSTEMS = ("high", "low")
HEARD = {"left_ms": 4_000, "right_ms": 4_000}


def tune(number: int, low: int) -> Piece:
    """Some notes that no other number has."""
    return Piece(
        notes=np.array([[t * 24, 24, low + (number * 5 + t) % 12, 70] for t in range(16)]),
        bars=np.array([[i * 96, 96, 4, 4] for i in range(4)]),
        tempo_bpm=np.full(4, 180.0),
    )


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip file of two systems with three items each, one of them sound."""
    path = tmp_path_factory.mktemp("clips") / "clips.zip"
    wave = io.BytesIO()
    time = np.arange(22_050 * 4) / 22_050
    soundfile.write(wave, 0.2 * np.sin(2 * np.pi * 440 * time), 22_050, format="WAV")
    with zipfile.ZipFile(path, "w") as packed:
        for place, system in enumerate(SYSTEMS):
            for item in range(2):
                packed.writestr(f"{system}/tune{item}.mid", write_midi(tune(item, 72 - 24 * place)))
        packed.writestr("high/tone.wav", wave.getvalue())
        packed.writestr("low/tone.wav", wave.getvalue())
    return path


@pytest.fixture(scope="session")
def made_clips(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the clips of ``packed`` were made."""
    folder = tmp_path_factory.mktemp("made")
    make(Task(str(packed), (), (), 3.0, played=False, style_folder=""), folder, lambda _stage, _share: None)
    return folder


@pytest.fixture(scope="session")
def made_moods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which clips of each mood by two systems were made."""
    folder = tmp_path_factory.mktemp("moods")
    lines = ["clip,system,item"]
    for number, (system, mood) in enumerate((system, mood) for system in ("ours", "theirs") for mood in MOODS):
        (folder / f"{number}.mid").write_bytes(write_midi(tune(number, 60)))
        lines.append(f"{number}.mid,{system},{mood}")
    (folder / "clips.csv").write_text("\n".join(lines), encoding="utf-8")
    task = Task(str(folder), (), (), 3.0, played=False, style_folder="", task="mood")
    made = tmp_path_factory.mktemp("made")
    make(task, made, lambda _stage, _share: None)
    return made


def id_of(context: Context, keys: Keys) -> UUID:
    """Of the study that these keys open."""
    found: UUID = context.database.transaction(lambda session: studies.require(session, keys.researcher).id)
    return found


DESIGN: dict[str, Any] = {
    "title": "High or low?",
    "seconds": 3.0,
    "pairs": {"per_participant": 4, "repeats": 1, "attention_checks": 1},
    "headphone_check": False,
    "before": [{"text": "Do you play?", "kind": "choice", "answers": ["yes", "no"]}],
    "quota": 3,
    "completion_url": "https://example.org/done",
}


@dataclass
class OpenStudy:
    """An open study and its keys."""

    context: Context
    keys: Keys

    def join(self, age: int = 30, panel_id: str = "") -> str:
        """Somebody takes part; their token."""
        token = secrets.token_urlsafe(24)
        version = studies.overview(self.context.database, self.keys.researcher).consent_version
        participation.join(
            self.context.database, self.context.journal, self.keys.participant, Joining(token, age, version, panel_id)
        )
        return token

    def leave(self, token: str) -> None:
        """Somebody withdraws."""
        deletion.withdraw(self.context.database, self.context.journal, token)

    def finish(self, token: str, prefers: Callable[[dict[str, Any]], str] = lambda _: "left") -> dict[str, Any]:
        """Answer everything that is left; the last step."""
        database, journal = self.context.database, self.context.journal
        step = participation.step(database, token)
        while step["step"] not in {"thanks", "ended"}:
            if step["step"] == "questions":
                given = {str(each["number"]): (each["answers"] or [5])[0] for each in step["questions"]}
                step = participation.answer_questions(database, journal, token, step["part"], given)
            elif step["step"] == "break":
                step = participation.rested(database, journal, token)
            else:
                trial = step["trial"]
                asked = {"A": "left", "B": "right"}.get(trial["asks"].partition("choose ")[2][:1])
                outcome = asked or prefers(trial)
                step = participation.answer_trial(
                    database, journal, token, UUID(trial["offer_id"]), outcome=outcome, **HEARD
                )
        return step


@pytest.fixture
def make_study(alone: Context, made_clips: Path) -> Callable[..., OpenStudy]:
    """``make_study(**changes)``: a study whose clips are made, and which is open unless ``opened=False``."""

    def make_one(*, opened: bool = True, **changes: Any) -> OpenStudy:
        alone.database.open()
        keys = studies.create(alone.database, alone.journal, DESIGN | changes)
        assert clips.store(alone.database, alone.journal, alone.clip_store, id_of(alone, keys), made_clips) == 6
        if opened:
            studies.open_study(alone.database, alone.journal, alone.settings, keys.researcher)
        return OpenStudy(alone, keys)

    return make_one


@pytest.fixture
def study(make_study: Callable[..., OpenStudy]) -> OpenStudy:
    return make_study()
