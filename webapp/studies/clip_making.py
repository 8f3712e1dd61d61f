"""Clips of one study made alike: brought or composed, they play equally long and equally loud, as MP3 of one kind.

``python -m webapp.studies.clip_making FOLDER`` is the process that makes them: torch, decoders and whatever a file does
to them end with it. It reads ``task.json`` in ``FOLDER`` and writes the clips beside it. Each line of its output is
JSON: how far it is, or what is wrong.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from models.music.decoding import decode
from models.music.midi import write_midi
from models.music.notes import MusicError, Piece
from models.music.performance import Performance, as_written, notes_in_seconds
from models.music.render import SAMPLE_RATE_HZ, Audio, encode_mp3, fade_out, normalise, render
from models.style.performance import touch
from webapp.composing.offline import NothingComposedError
from webapp.runtime.errors import NotAllowed
from webapp.runtime.supervised_process import Progress, say
from webapp.studies import sources, trials
from webapp.studies.design import MOODS, Pairs
from webapp.studies.sources import CLIPS, MADE, NOTES, Source, SourceError, Task

LEAST_S = 2.0
SILENT = 10 ** (-65 / 20)  # root mean square of full scale: what is louder than a recording's own noise
Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class Made:
    """A clip on its way: its sound ``(samples, 2)`` lies in ``sound``."""

    source: Source
    sound: Path
    seconds: float
    notes: list[tuple[float, float, int, int]]
    midi: bytes | None
    recipe: dict[str, Any]


def make(task: Task, folder: Path, progress: Tell) -> None:
    """Write ``CLIPS``, ``MADE`` and the sound of each clip into ``folder``; raises ``SourceError``, ``NotAllowed``."""
    found = sources.read(Path(task.place), folder / "unpacked") if task.place else sources.Sources(())
    _require_pairs(found, task)
    total = (
        len(found.clips)
        + sum(each["count"] for each in (*task.composed, *task.asked))
        + sum(len(MOODS) * each["count"] for each in task.moods)
        + sum(len(each["shown"]) for each in task.pictures)
    )
    made: list[Made] = []
    for clip in _brought(found.clips, task, folder):
        made.append(clip)
        progress("reading", len(made) / total)
    for source in sources.clips(task.asked, task.seconds, folder):
        made.append(_of_source(source, task, folder / f"{source.path.stem}.npy"))
        progress("asking", len(made) / total)
    for clip in _composed(task, folder):
        made.append(clip)
        progress("composing", len(made) / total)
    if not made:
        raise SourceError("there are no clips: bring some, or have some composed")
    shortest = min(made, key=lambda each: each.seconds)
    with (folder / CLIPS).open("w", encoding="utf-8") as lines:
        for number, clip in enumerate(made):
            progress("levelling", number / total)
            lines.write(json.dumps(_levelled(clip, shortest.seconds, folder, number)) + "\n")
    told = {
        "brought": len(found.clips),
        "seconds": shortest.seconds,
        "shortest": shortest.source.name,
        "longest_s": max(each.seconds for each in made),
        "pairs": [list(each) for each in found.pairs],
    }
    (folder / MADE).write_text(json.dumps(told), encoding="utf-8")


def _require_pairs(found: sources.Sources, task: Task) -> None:
    """Raises ``NotAllowed`` where no pair could be drawn of the clips, before the first of them is made."""
    if task.moods or task.pictures:
        return  # whose design says what there is to rate, or to compare
    brought = {each.name: (uuid.uuid4(), each.name, each.system, each.item, each.condition) for each in found.clips}
    more = [
        (uuid.uuid4(), f"{place}-{number}", each["system"], "", "")
        for place, each in enumerate((*task.composed, *task.asked))
        for number in range(each["count"])
    ]
    heard = trials.compared([*brought.values(), *more], rated=task.task == "mood")
    fixed = [(brought[left][0], brought[right][0]) for left, right in found.pairs]
    for condition in trials.conditions_of(heard):
        if task.task == "mood":
            trials.require_rated(heard, condition)
            continue
        trials.require_enough(Pairs(**task.pairs), heard, fixed, condition)


def _brought(clips: Sequence[Source], task: Task, folder: Path) -> Iterator[Made]:
    for number, source in enumerate(clips):
        yield _of_source(source, task, folder / f"brought-{number:03}.npy")


def _of_source(source: Source, task: Task, sound: Path) -> Made:
    try:
        if source.path.suffix.lower() in NOTES:
            return _of_notes(source, _read_notes(source.path), sound, task, {})
        return _of_sound(source, sound, task)
    except SourceError:
        raise
    except (MusicError, ValueError) as error:
        raise SourceError(f"{source.name} can't be used: {error}") from error


def _read_notes(path: Path) -> Piece:
    from webapp.studio.uploads import read  # noqa: PLC0415 (the studio's reader of one file)

    return read(path.read_bytes(), path.name)


def _composed(task: Task, folder: Path) -> Iterator[Made]:
    if not (task.composed or task.moods or task.pictures):
        return
    import torch  # noqa: PLC0415 (where something is composed)

    from models.style.checkpoint import load_style  # noqa: PLC0415
    from models.style.compose import Composer  # noqa: PLC0415
    from webapp.composing import offline  # noqa: PLC0415

    torch.set_num_threads(1)
    bundle = load_style(task.style_folder, "cpu")
    composer = Composer(bundle, "cpu")
    for place, wanted in enumerate(task.composed):
        asked = offline.Task.checked(wanted["kind"], wanted["count"], wanted["seed"], wanted["bars"])
        for number, piece in enumerate(offline.compose(composer, asked)):
            name = f"{wanted['system']}-{place + 1}-{number + 1:03}"
            source = Source(name, wanted["system"], wanted.get("item", ""), wanted.get("condition", ""), folder)
            recipe = {**wanted, "number": number, "model": composer.version}
            sound = folder / f"composed-{place}-{number:03}.npy"
            yield _of_notes(source, piece, sound, task, recipe)
    if not (task.moods or task.pictures):
        return
    from webapp.studies import task_clips  # noqa: PLC0415 (judges and pictures, where they are needed)

    made = chain(
        task_clips.for_moods(composer, task.moods) if task.moods else (),
        task_clips.for_pictures(composer, task.pictures, task.seconds) if task.pictures else (),
    )
    for number, clip in enumerate(made):
        source = Source(clip.name, clip.system, clip.item, "", folder)
        yield _of_notes(
            source, clip.piece, folder / f"task-{number:03}.npy", task, clip.recipe, performance=clip.performance
        )


def _of_notes(
    source: Source,
    piece: Piece,
    sound: Path,
    task: Task,
    recipe: dict[str, Any],
    *,
    performance: Performance | None = None,
) -> Made:
    performance = performance or (touch.play(piece) if task.played else as_written(piece))
    audio = render(piece, None, performance, levelled=False)
    kept = _keep(source, audio, sound, task.seconds)
    notes = notes_in_seconds(piece, kept, performance)
    return Made(source, sound, kept, notes, write_midi(piece, performance), recipe)


def _of_sound(source: Source, sound: Path, task: Task) -> Made:
    with source.path.open("rb") as file:
        decoded = decode(file, source.path.name, most_s=task.seconds, stereo=True)
    rate, audio = decoded.rate_hz, decoded.samples
    if rate != SAMPLE_RATE_HZ:
        common = int(np.gcd(rate, SAMPLE_RATE_HZ))
        audio = resample_poly(audio, SAMPLE_RATE_HZ // common, rate // common, axis=0).astype(np.float32)
    return Made(source, sound, _keep(source, audio, sound, task.seconds), [], None, {})


def _keep(source: Source, audio: Audio, sound: Path, most_s: float) -> float:
    """Write the first ``most_s`` seconds aside; how long they are."""
    cut = audio[: round(most_s * SAMPLE_RATE_HZ)]
    seconds = len(cut) / SAMPLE_RATE_HZ
    if seconds < LEAST_S:
        raise SourceError(f"{source.name} lasts {seconds:.1f} s; a clip needs {LEAST_S:g} s at least")
    if not np.isfinite(cut).all():
        raise SourceError(f"{source.name} holds values that are no numbers; export it again")
    if float(np.sqrt(np.mean(np.square(cut)))) < SILENT:
        raise SourceError(f"{source.name} is silent, or nearly; leave it out or bring another file")
    np.save(sound, cut.astype(np.float32))
    return float(seconds)


def _levelled(clip: Made, seconds: float, folder: Path, number: int) -> dict[str, Any]:
    """Cut to the length of all, faded, at one loudness, and written; what is told of the clip."""
    audio: Audio = np.load(clip.sound)[: round(seconds * SAMPLE_RATE_HZ)]
    clip.sound.unlink()
    fade_out(audio)
    file = f"{number:03}.mp3"
    (folder / file).write_bytes(encode_mp3(normalise(audio)))
    if clip.midi is not None:
        (folder / f"{number:03}.mid").write_bytes(clip.midi)
    return {
        "name": clip.source.name,
        "system": clip.source.system,
        "item": clip.source.item,
        "condition": clip.source.condition,
        "seconds": round(seconds, 3),
        "file": file,
        "midi": f"{number:03}.mid" if clip.midi is not None else "",
        "notes": [each for each in clip.notes if each[0] < seconds],
        "recipe": clip.recipe,
    }


def main(folder: Path) -> None:
    """See the module docstring."""
    try:
        make(Task(**json.loads((folder / "task.json").read_text(encoding="utf-8"))), folder, Progress())
    except (SourceError, NothingComposedError, NotAllowed) as error:
        say({"problem": str(error)})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
