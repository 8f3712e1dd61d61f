"""``python -m tests.recording``: ask the shipped generator, and keep its answers for the tests.

The same models give the same answers on the same machine.
"""

from __future__ import annotations

import base64
import io
import itertools
import time

from PIL import Image

from models.music.notes import DOMAINS, Domain, Piece
from models.picture.film import SIDE
from models.style.bundle import SHIPPED_STYLE
from models.style.latents import STYLE_GROUPS
from tests.recording.recording import (
    ANSWERS,
    BORROWED,
    NOTHING,
    PLAIN,
    Json,
    Recording,
    clip_kind,
    digest_of,
    encoded_kind,
    mood_kind,
    sheet_kind,
    shipped_versions,
)
from webapp.generation.companions import Towers
from webapp.generation.engine import Engine
from webapp.generation.protocol import DrawingsRequest, GenerateRequest, GenerateResult, Look, Mood, Source
from webapp.generation.server import load_engine

BARS = 8
CLIPS: dict[Domain, int] = {"pop": 64, "dance": 32, "chorale": 24}
VERSIONS = 3  # of a piece for each style that it borrows
DRAFTS, OF_A_MOOD, LATENTS, DRAWN, HEARD = 24, 6, 24, 40, 24
TITLES = ("The Mill Reel", "The Lark in the Morning", "Bonnie Kate", "The Piper in the Glen", "A Boat upon the Bay")
WRITTEN = 8  # titles for a tune
LOOKS = (Look("annotated"), Look("axes"), Look("rotation"))


def main() -> None:
    """Record everything; takes two minutes of a core."""
    engine = load_engine(str(SHIPPED_STYLE), "cpu")
    try:
        recording = Recording(shipped_versions())
        for domain in DOMAINS:
            record_music(engine, recording, domain)
        record_pictures(engine, recording)
        record_titles(recording)
    finally:
        engine.close()
    recording.save()
    print(f"{ANSWERS}: {ANSWERS.stat().st_size / 1e6:.2f} MB")


def record_music(engine: Engine, recording: Recording, domain: Domain) -> None:
    """Clips, drafts, latents, and what is heard in clips of one domain."""
    began = time.monotonic()
    clips = [_clip(engine, domain, seed) for seed in range(CLIPS[domain])]
    recording.clips[clip_kind(NOTHING, domain, BARS)] = [_stored(each) for each in clips]
    others = clips[1:] + clips[:1]
    plain = [_clip(engine, domain, 1000 + place, clips[place]) for place in range(BARS)]
    recording.clips[clip_kind(PLAIN, domain, BARS)] = [_stored(each) for each in plain]
    pairs = itertools.cycle(zip(clips, others, strict=True))
    borrowed = [
        _clip(engine, domain, 2000 + place, content, **{group: other})
        for place, (group, (content, other)) in enumerate(zip(STYLE_GROUPS * VERSIONS, pairs, strict=False))
    ]
    recording.clips[clip_kind(BORROWED, domain, BARS)] = [_stored(each) for each in borrowed]
    recording.drafts[domain] = engine.drafts(domain, DRAFTS, 0).drafts
    for valence, arousal in itertools.product((-1.0, 1.0), repeat=2):
        mood = Mood(valence=valence, arousal=arousal)
        recording.drafts[mood_kind(domain, valence, arousal)] = engine.drafts(domain, OF_A_MOOD, 0, mood).drafts
    kind = clip_kind("near a clip", domain, BARS)
    recording.latents[kind] = engine.latents(domain, LATENTS, 0, near=clips[0].latents, keep=0.6).latents
    notes = [each.notes for each in clips]
    found = engine.rewards(notes[:HEARD], domain).rewards
    recording.rewards[domain] = [each.model_dump() for each in found if each is not None]
    recording.moods += [each.model_dump() for each in engine.moods(notes[:HEARD]).moods if each is not None]
    for each in notes[:HEARD]:
        recording.curves[digest_of([each["notes"], domain])] = engine.tension.curves(each, domain).curves
    for clip in clips:
        record_encoded(engine, recording, Piece.from_json(clip.notes))
    print(f"{domain}: {time.monotonic() - began:.0f} s", flush=True)


def record_encoded(engine: Engine, recording: Recording, piece: Piece, enough: int = 3) -> None:
    """The latents of a piece's first bars, for each number of them."""
    numerator, denominator = piece.bars[0, 2:].tolist()
    for bars in range(1, len(piece.bars) + 1):
        known = recording.encoded.setdefault(encoded_kind(f"{numerator}/{denominator}", bars), [])
        first = piece.window(0, bars)
        if len(known) < enough and len(first.notes):
            known.append(engine.encode(first.to_json()).latents)


def record_pictures(engine: Engine, recording: Recording) -> None:
    """Drawings, and a clip that is shown in pictures."""
    drawn = engine.drawings(DrawingsRequest(count=DRAWN, seed=0), decoded=True)
    recording.drawings = [
        {"latents": latents, "picture": picture} for latents, picture in zip(drawn.latents, drawn.pictures, strict=True)
    ]
    clip = recording.clips[clip_kind(NOTHING, "pop", BARS)][0]
    strip = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), "teal").save(strip, "PNG")
    own = Look("annotated", subjects=base64.b64encode(strip.getvalue()).decode())
    for look in (*LOOKS, own):
        shown = engine.shown.pictures(clip["notes"], "pop", look)
        kind = sheet_kind(look.way, BARS, own=look.subjects is not None)
        recording.sheets[kind] = shown.model_dump(mode="json")


def record_titles(recording: Recording) -> None:
    """Vectors of titles and melodies, and titles that are written for these."""
    tunes = [each["notes"] for each in recording.clips[clip_kind(NOTHING, "dance", BARS)][:BARS]]
    towers = Towers()
    found = towers.vectors(list(TITLES), tunes)
    recording.titles, recording.melodies = found.titles, found.melodies
    recording.written = [towers.write(each, WRITTEN, 0).titles for each in tunes]


def _clip(
    engine: Engine, domain: Domain, seed: int, content: GenerateResult | None = None, **styles: GenerateResult
) -> GenerateResult:
    request = GenerateRequest(
        id=f"{domain}-{seed}",
        domain=domain,
        content=content and Source(latents=content.latents),
        styles={name: Source(latents=other.latents) for name, other in styles.items()},
        seed=seed,
        deadline_ms=600_000,
    )
    return engine.generate(request)


def _stored(answer: GenerateResult) -> Json:
    """Without what differs from run to run."""
    return {**answer.model_dump(mode="json"), "queue_ms": 0, "decode_ms": 0}


if __name__ == "__main__":
    main()
