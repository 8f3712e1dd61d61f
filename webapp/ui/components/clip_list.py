"""Clips in a list that play one at a time, each with its piano roll and, where wanted, a button of its own and a menu.

The menu is what can be done with a clip besides playing it: where it is kept, opened and saved from.

Run ``python -m webapp.ui.components.clip_list`` for a page of ten lines that plays it.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from webapp.sharing.for_two import Piece as SharedPiece
from webapp.ui.components.clip import Clip
from webapp.ui.components.component import Component, Event

FORMS = {"MIDI as played": "played", "MIDI as written": "mid", "MusicXML": "musicxml", "MP3": "mp3", "WAV": "wav"}
ALL = '<button type="button" class="k-quiet k-small k-play-all" hidden>Play all</button>'
STEPS = """<div class="k-steps">
  <button type="button" class="k-quiet k-small" data-steps="-1" hidden>Previous</button>
  <button type="button" class="k-quiet k-small" data-steps="1" hidden>Next</button></div>"""
_shown = itertools.count(1)


def menu_of_clip(clip_id: uuid.UUID | str) -> dict[str, Any]:
    """The menu of a clip that the listener may hear, as ``ClipList`` takes it."""
    keep = f"/api/studio/clips/{clip_id}/keep"
    more = {"keep": keep, "whole": f"whole?clip={clip_id}"}
    return menu_of_whole(clip_id) | more


def menu_of_picture(clip_id: uuid.UUID | str) -> dict[str, Any]:
    """The menu of a picture."""
    keep = f"/api/studio/clips/{clip_id}/keep"
    return {"keep": keep, "studio": f"studio?clip={clip_id}", "files": {"PNG": f"/api/studio/clips/{clip_id}/png"}}


def menu_of_shown(shown: Any) -> dict[str, Any]:
    """The menu of what is shown, with its ``clip_id`` and ``image_url``: of a picture or of a clip."""
    return menu_of_picture(shown.clip_id) if shown.image_url else menu_of_clip(shown.clip_id)


def menu_of_whole(clip_id: uuid.UUID | str) -> dict[str, Any]:
    """The menu of a whole piece, which the studio opens section by section."""
    return {
        "studio": f"studio?clip={clip_id}",
        "canvas": f"canvas?clip={clip_id}",
        "rate": f"rate?clip={clip_id}",
        "files": {name: f"/api/studio/clips/{clip_id}/{form}" for name, form in FORMS.items()},
    }


def menu_of_shared(piece: SharedPiece) -> dict[str, Any]:
    """The menu of a piece that was composed for two."""
    return {
        "files": {"MIDI as played": piece.played_url, "MIDI as written": piece.midi_url, "FLAC": piece.audio_url},
        "keep": piece.notes_url.removesuffix("notes") + "keep",
    }


class ClipList(Component):
    """Plays clips from a list; what sounds elsewhere on the page falls silent.

    Args:
        value: Clips, or mappings with ``heading``, ``detail``, ``audio_url`` and ``notes_url`` (addresses of this
            server), or of a picture ``image_url`` in place of these, and where known
            ``seconds``, ``bars_s`` (the seconds at which its bars begin), ``acts`` (``False``:
            without the button), ``leads_to`` (its button is a link to there), ``lazy`` (its roll is drawn when it is
            to sound), ``cover`` (``True``: a picture drawn from its notes), ``sections`` (its form, of sections of
            equal length, such as "AABB"), ``id`` (a row of the same one stays, and only its ``detail`` changes),
            ``begins`` (the ``id`` of a clip that it begins with: where that sounds, this goes on in its place),
            ``plays`` (an address that is told when it was heard out, or left before its end) and ``save`` (its menu:
            ``files`` by what they are called, ``keep``, where it is kept, and ``studio``, which opens it; see
            ``saving``).
            ``playing(...)`` sounds the first by itself where no other list of the page sounds.
        action: What the button of each row says, or what several say; empty: there is none.
        together: Another clip goes on at the place in the music where the one before was.
        columns: Whether rows stand beside one another where there is room.
        all_button: Whether a button plays all of them one after the other, where there are several.
        endless: After a row the one above it sounds, also one that comes only later: new rows are put on top. Two
            buttons step through them.

    Events:
        select: A clip begins to sound; ``gr.EventData`` has its ``index`` and its ``id``, if it has one.
        act: A button of a row was pressed; likewise, and its ``action``.
    """

    script = "clip_list.js"
    described = "rows with heading, detail, audio_url and notes_url"
    custom_events = ("act",)
    act: Event

    def __init__(
        self,
        value: Sequence[Clip | Mapping[str, Any]] | None = None,
        *,
        action: str | Sequence[str] = "",
        together: bool = False,
        columns: bool = False,
        all_button: bool = False,
        endless: bool = False,
        **settings: Any,
    ) -> None:
        buttons = f"{ALL if all_button else ''}{STEPS if endless else ''}"
        clips = f'{buttons}<div class="k-clips{" k-columns" if columns else ""}"></div>'
        super().__init__(
            value,
            html_template=f'<div class="kallos k-clips-room" style="visibility: hidden">{clips}</div>',
            action=action,
            together=together,
            endless=endless,
            **settings,
        )

    def postprocess(self, value: Any) -> Any:
        """The rows as the script takes them."""
        return value if value is None or isinstance(value, Mapping) else resting(value)

    def preprocess(self, payload: Any) -> Any:
        """The rows."""
        return list((payload or {}).get("rows", []))


def playing(clips: Sequence[Clip | Mapping[str, Any]]) -> dict[str, Any]:
    """Clips of which the first sounds by itself, as the value of a ``ClipList``."""
    return {"rows": [_row(each) for each in clips], "play": next(_shown)}


def resting(clips: Sequence[Clip | Mapping[str, Any]]) -> dict[str, Any]:
    """Clips of which none sounds by itself, as the value of a ``ClipList``."""
    return {"rows": [_row(each) for each in clips], "play": 0}


def _row(clip: Clip | Mapping[str, Any]) -> dict[str, Any]:
    return {"heading": clip.name, "detail": "", **clip.payload()} if isinstance(clip, Clip) else dict(clip)


if __name__ == "__main__":
    import gradio as gr

    from webapp.ui.components.demo import tunes

    def keep(rows: list[dict[str, Any]], event: gr.EventData) -> str:
        """What was kept."""
        return str(rows[event.index]["heading"])

    def named(words: str, said: str = "") -> list[dict[str, Any]]:
        """The tunes with these words in their names, and what is said of each."""
        found = [tune for tune in tunes() if words.casefold() in tune.name.casefold()]
        return [{**_row(tune), "id": tune.name, "detail": said} for tune in found]

    with gr.Blocks() as demo:
        words, said = gr.Textbox(label="Words"), gr.Textbox(label="Said of each")
        kept = gr.Textbox(label="Kept")

        @gr.render(inputs=[words, said])  # type: ignore[untyped-decorator]
        def listed(*given: str) -> None:
            """The list, which stays when it is drawn anew."""
            clips = ClipList(named(*given), action="Keep", interactive=True, key="list", preserved_by_key=[])
            clips.act(keep, clips, kept)

    demo.launch()
