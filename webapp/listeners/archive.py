"""Everything that is stored about a listener: as one signed JSON document, and as a zip file with their music.

The document is signed by the installation that wrote it. The zip file has it too, with votes and picks of four as
tables, music as MIDI, and what they keep. Pictures are in it as SVG (older ones as PNG), those of the studio too:
drawings may be exchanged, and only the old ones could be drawn again so. ``votes.csv`` and ``midi/`` have the form in
which taste data is given to ``python -m models.evaluate.taste --data``.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import uuid
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from db.queries import export as export_rows
from db.queries import listeners as listener_rows
from db.queries.restore import NotAnExportError
from db.tables import PICTURES
from models.music.midi import write_midi
from models.music.notes import MusicError, Piece
from models.taste.head import PLACES
from webapp.composing import media
from webapp.runtime import csv_text
from webapp.runtime.clip_store import ClipMissingError, ClipStore, key_of
from webapp.runtime.database import Database
from webapp.runtime.errors import UnknownListenerError
from webapp.runtime.identity import Identity
from webapp.runtime.listener_files import NAMES, Adapters, KeptDreams

WHOLE, VOTES, FOURS = "listener.json", "votes.csv", "fours.csv"
MOST_BYTES = 2**30  # of JSON in a zip: who gives more is not giving an export
COLUMNS = (
    *("listener_id", "left", "right", "outcome", "voted_at", "left_heard_ms", "right_heard_ms", "seconds"),
    *("p_left", "p_equal", "p_right", "policy", "pair_probability", "order_probability", "study_id", "condition"),
)
FOUR_COLUMNS = (
    *("listener_id", *PLACES, "outcome", "voted_at", *(f"{place}_heard_ms" for place in PLACES), "seconds"),
    *(*(f"p_{place}" for place in PLACES), "votes_seen", "policy", "four_probability", "order_probability"),
    *("study_id", "condition"),
)
SIGNATURE = "signature"


def pack(data: Mapping[str, Any], clip_store: ClipStore, kept: Mapping[str, bytes] | None = None) -> bytes:
    """The zip of what ``export_listener`` gave, and of the files that ``kept_by`` found, by name.

    Pictures that ``clip_store`` lost are in the JSON alone.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(WHOLE, json.dumps(data, ensure_ascii=False, separators=(",", ":")))
        archive.writestr(VOTES, votes_csv(data))
        archive.writestr(FOURS, fours_csv(data))
        for clip in data["clips"]:
            if clip["domain"] == PICTURES:
                for key in _keys(clip):
                    with contextlib.suppress(ClipMissingError):
                        archive.writestr(_name(clip, key), clip_store.get(key))
                continue
            try:
                midi = write_midi(Piece.from_json(clip["notes"]))
            except MusicError:
                continue  # its notes are in the JSON, whatever they are
            archive.writestr(f"midi/{clip['id']}.mid", midi)
        for piece in data.get("studio", []):
            if piece.get("image"):
                image = base64.b64decode(piece["image"])
                archive.writestr(f"studio/{piece['id']}{media.ending(image)}", image)
        for name, file in (kept or {}).items():
            archive.writestr(name, file)
    return buffer.getvalue()


def kept_by(home: Path, listener_id: uuid.UUID) -> dict[str, bytes]:
    """The dream and the agent that the listener keeps, as files of the zip by name."""
    agent, dream = Adapters(home).kept(listener_id), KeptDreams(home).kept(listener_id)
    found = {f"agent/{file.name}": file.read_bytes() for file in sorted(agent.glob("*")) if file.is_file()}
    return found | {f"dream/{name}.wav": wav for name, wav in zip(NAMES, dream or (), strict=False)}


def put_pictures(file: bytes, data: Mapping[str, Any], clip_store: ClipStore) -> int:
    """Put the pictures of a zip back into the store, those that are what ``data`` says they are; how many.

    Of an untrusted archive only what may be shown is taken: pixels, and drawings that have paths alone.
    """
    if not zipfile.is_zipfile(io.BytesIO(file)):
        return 0
    count = 0
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        there = set(archive.namelist())
        for clip in data["clips"]:
            for key in _keys(clip) if clip["domain"] == PICTURES else ():
                if (name := _name(clip, key)) not in there:
                    continue
                image = archive.read(name)
                with contextlib.suppress(ValueError):
                    if key_of(hashlib.sha256(image).hexdigest(), media.ending(image)) == key:
                        clip_store.put(image, media.ending(image))
                        count += 1
    return count


def _name(clip: Mapping[str, Any], key: str) -> str:
    return f"pictures/{clip['id']}{Path(key).suffix}"


def _keys(clip: Mapping[str, Any]) -> list[str]:
    return [str(sound["uri"]) for sound in clip["audio"]]


def unpack(file: bytes, most_bytes: int = MOST_BYTES) -> Any:
    """The export in a zip or in a bare JSON file; raises ``NotAnExportError``, also beyond ``most_bytes`` of JSON."""
    try:
        if zipfile.is_zipfile(io.BytesIO(file)):
            with zipfile.ZipFile(io.BytesIO(file)) as archive:
                if archive.getinfo(WHOLE).file_size > most_bytes:
                    raise NotAnExportError(f"{WHOLE} in this zip is larger than {most_bytes >> 20} MB")
                file = archive.read(WHOLE)
        return json.loads(file)
    except (
        KeyError,
        zipfile.BadZipFile,
        zlib.error,
        json.JSONDecodeError,
        UnicodeDecodeError,
        RuntimeError,
    ) as error:
        raise NotAnExportError(
            f"this is no export of a listener ({error}); give the zip or JSON file that `kallos listener export` or "
            "the page's download wrote"
        ) from None


def votes_csv(data: Mapping[str, Any]) -> str:
    """One line a vote, in their order."""
    lines = []
    voted = [offer for offer in data["offers"] if offer["vote"]]
    for offer in sorted(voted, key=lambda each: (each["vote"]["created_at"], each["id"])):
        said, vote, heard = (offer[part] or {} for part in ("prediction", "vote", "listening"))
        given = (offer["listener_id"], offer["left_clip"], offer["right_clip"], vote["outcome"], vote["created_at"])
        listened = (heard.get("left_ms"), heard.get("right_ms"), offer["seconds"])
        foreseen = (said.get("p_left"), said.get("p_equal"), said.get("p_right"), offer["policy"])
        drawn = (offer["pair_probability"], offer["order_probability"], offer["study_id"], offer["condition"])
        lines.append((*given, *listened, *foreseen, *drawn))
    return csv_text.table(COLUMNS, lines)


def fours_csv(data: Mapping[str, Any]) -> str:
    """One line a pick of four, in their order; ``outcome`` names the place, "none" or "skipped"."""
    lines = []
    picked = [four for four in data["fours"] if four["vote"]]
    for four in sorted(picked, key=lambda each: (each["vote"]["created_at"], each["id"])):
        vote, clips = four["vote"], [four[f"clip_{place}"] for place in PLACES]
        given = (four["listener_id"], *clips, vote["outcome"], vote["created_at"], *vote["heard_ms"], four["seconds"])
        drawn = (vote["votes_seen"], four["policy"], four["four_probability"], four["order_probability"])
        lines.append((*given, *vote["chances"], *drawn, four["study_id"], four["condition"]))
    return csv_text.table(FOUR_COLUMNS, lines)


def export(database: Database, listener_id: uuid.UUID) -> dict[str, Any]:
    """The document, as ``archive`` packs it and ``restore`` takes it; raises ``UnknownListenerError``."""

    def work(session: Session) -> dict[str, Any] | None:
        listener_rows.lock_listener(session, listener_id)  # no vote may come in between
        return export_rows.export_listener(session, listener_id)

    data = database.transaction(work)
    if data is None:
        raise UnknownListenerError
    return data


def signed(data: Mapping[str, Any], identity: Identity) -> dict[str, Any]:
    """The document with a signature that proves where it was written and that nobody has changed it."""
    return {**data, SIGNATURE: identity.signature(_text(data))}


def is_ours(data: Any, identity: Identity) -> bool:
    """Whether this installation has written the document just so."""
    return isinstance(data, Mapping) and identity.wrote(_text(data), data.get(SIGNATURE))


def _text(data: Mapping[str, Any]) -> bytes:
    """The document in the one way in which it is signed, however it was written."""
    unsigned = {key: value for key, value in data.items() if key != SIGNATURE}
    return json.dumps(unsigned, sort_keys=True, separators=(",", ":")).encode()
