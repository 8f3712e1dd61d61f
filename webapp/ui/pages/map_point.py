"""One point of a map: found by click, by its title or its neighbours, played and described; and music placed there.

Beside the picture a map says how far to trust it, and what it takes to draw the same one again.
"""

from __future__ import annotations

import math
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from html import escape
from typing import Any

import gradio as gr

from webapp.context import Context
from webapp.maps import catalogue, listener_view, open_maps
from webapp.maps.catalogue import TITLES, MapEntry
from webapp.maps.listener_view import TiedPoint
from webapp.maps.open_maps import COMPOSED, OpenMap
from webapp.runtime.errors import Problem
from webapp.tension import own_music
from webapp.ui.choosing import bring
from webapp.ui.components.clip_list import playing
from webapp.ui.components.entries import Entry
from webapp.ui.components.unfolding import Unfolded
from webapp.ui.handlers import listener_of
from webapp.ui.layout import status
from webapp.ui.words import capital, sentence

TASTE = "your taste"
OWN = "/api/studio/"  # where the notes of somebody's own pieces are
POINTED = 15  # outputs of a handler that tells of a point
MOST_FOUND = 8
NEAR_SEEN = 6  # neighbours of a picture that are shown
LATEST = "k-latest"  # stands above what was selected before
KEPT = 8  # maps whose texts are kept to be searched
_texts: dict[str, tuple[str, ...]] = {}

Shown = dict[str, Any]  # of the map that is open: its id, kind, what this listener adds to it, and what is hidden


def trust(found: MapEntry) -> str:
    """How true the neighbourhoods of the picture are, in a sentence."""
    left, told = found.left_out, found.quality["trustworthiness"]
    missing = f" {left.pieces:,} pieces {left.why} are not on it." if left and left.pieces else ""
    return (
        f'<h2>How far to trust it</h2><p class="k-explain">Trustworthiness {_figure(told["value"])} (by chance '
        f"{_figure(told['chance'])}, at best 1): points that lie together here are neighbours in the model's own space "
        f"too. The map was drawn of {found.points:,} points.{missing}</p>"
    )


def quality(found: MapEntry) -> list[list[str]]:
    """One row a colouring."""
    rows = []
    for name in found.colours:
        told = found.quality["colours"][name]
        purity, drawn, silhouette = told["purity"], told["purity_in_picture"], told["silhouette"]
        figures = (purity["value"], purity["chance"], drawn["value"], silhouette["value"], silhouette["chance"])
        rows.append([f"{name[:1].upper()}{name[1:]}", *map(_figure, figures)])
    return rows


def _figure(value: float | None) -> str:
    text = "–" if value is None else f"{value:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")


def origin(found: MapEntry) -> str:
    """What it takes to draw the same map again."""
    when = f"drawn {datetime.fromisoformat(found.drawn_at):%Y-%m-%d %H:%M}"
    return (
        f"model {found.model_version} · data {found.data_hash} · seed {found.seed} · "
        f"commit {(found.commit or 'unknown')[:8]} · {'shipped with the weights' if found.shipped else when}"
    )


def as_shown(shown: Shown, found: MapEntry, asked: Mapping[str, str]) -> dict[str, Any]:
    """The value of the map: its points, what this listener adds, and the view that is asked for."""
    view = [_number(asked.get(name, "")) for name in ("x", "y", "zoom")]
    return {
        "points": f"/api/atlas/maps/{shown['map_id']}/points",
        "values": {TASTE: shown["utility"]} if shown["utility"] and shown["votes"] else {},
        "added": _rings(shown),
        "hidden": shown["hidden"],
        "view": dict(zip(("x", "y", "zoom"), view, strict=True)) if None not in view else None,
        "title": f"Map of {TITLES[shown['kind']].lower()}",
        "source": origin(found),
        "name": f"map-{shown['kind']}",
    }


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def point_named(context: Context, shown: Shown | None, asked: Mapping[str, str]) -> list[Any]:
    """The point that is asked for, silent."""
    row = asked.get("point", "")
    if shown is None or not row.isdigit():
        return [gr.skip()] * POINTED
    return _chosen(context, shown, int(row), play=False)


def choose(context: Context, shown: Shown, event: gr.EventData) -> list[Any]:
    """A point of the map: it plays, and all about it is told."""
    return _chosen(context, shown, int(event.row), play=True)


def choose_entry(context: Context, shown: Shown, event: gr.EventData) -> list[Any]:
    """A point of a list."""
    return _chosen(context, shown, int(event.key), play=True)


def choose_found(context: Context, shown: Shown, words: str) -> list[Any]:
    """The first point that has the words in its title."""
    rows = _found(context, shown, words)
    return _chosen(context, shown, rows[0], play=True) if rows else [gr.skip()] * POINTED


def search(context: Context, shown: Shown, words: str | None) -> list[Any]:
    """The points that have the words in their title."""
    words = (words or "").strip()
    if not words:
        return [gr.update(words=""), [], ""]
    rows = _found(context, shown, words)
    told = f"{len(rows)} found" if rows else "No title here has these words."
    sides = opened(context, shown).drawn.points.colours.get("side")
    entries = [
        (row, _text(context, shown, row), sides[row] if sides and row < len(sides) else "") for row in rows[:MOST_FOUND]
    ]
    return [gr.update(words=words), entries, f'<p class="k-explain">{told}</p>']


def place_file(context: Context, token: str | None, path: str, shown: Shown) -> list[Any]:
    """A file of the listener's own takes its place on the map; nothing else moves."""
    open_map = opened(context, shown)
    domain = "pop" if shown["kind"] == "clips" and not path.lower().endswith(".abc") else "dance"
    try:
        piece = bring(context, token, path, domain)
        spot = listener_view.place_on(context.atlas, open_map, listener_of(context, token), piece.name)
    except Problem as error:
        return [*[gr.skip()] * POINTED, status(sentence(error))]
    about = {"name": piece.name, "seconds": piece.seconds, "audio_url": piece.audio_url, "score_url": piece.score_url}
    text, notes = piece.title, f"{OWN}{piece.name}"
    shown = {
        **shown,
        "added": [*shown["added"], {**asdict(spot), **about, "text": text, "own": True, "notes_url": notes}],
    }
    row = len(open_map.drawn.points) + len(shown["added"]) - 1
    told = catalogue.by_id(context.database, open_map.map_id)
    points, *rest, _ = _chosen(context, shown, row, play=True)
    value = as_shown(shown, told, {})
    return [
        shown, {**points, "value": value}, *rest, status(f"“{text}” lies here; no other point has moved."),
    ]  # fmt: skip


def unfold(context: Context, token: str | None, clips: list[dict[str, Any]]) -> Unfolded | None:
    """What somebody's own piece tells as it sounds, where that is what was placed; nothing where it can't be heard."""
    address = clips[0].get("notes_url", "") if clips else ""
    name = address.removeprefix(OWN)
    if not address.startswith(OWN):
        return None
    try:
        found = own_music.curves_of(context.database, context.generation, listener_of(context, token), name)
    except Problem:
        return None  # its place on the map is what was asked for
    return Unfolded(found, address.removeprefix("/"))


def _chosen(context: Context, shown: Shown, row: int, *, play: bool) -> list[Any]:
    if row in shown["hidden"]:
        return [gr.skip()] * POINTED
    open_map = opened(context, shown)
    count = len(open_map.drawn.points)
    if row < count:
        point = asdict(open_maps.point(open_map, row))
    else:
        added = shown["added"][row - count]
        point = {"neighbours": [], "links": [], "colours": {}, "terms": "", "score_url": "", **added, "row": row}
    text, side = point["text"], point["colours"].get("side", "")
    tied = listener_view.tied(context.database, context.clip_store, open_map, row) if row < count else []
    seen = _picture_of(open_map, row, [each["row"] for each in point["neighbours"][:NEAR_SEEN]])
    clips = (_tied_clips(tied, row) if seen else []) or [{**clip_of(context, shown, row), "row": row}]
    leads = _tied_music(tied) if seen else _tied_pictures(tied)
    of = "Score of the music tied to" if seen else "Score of"
    score = {"title": f"{of} “{text}”", "abc_url": point["score_url"]} if point["score_url"] else None
    near: list[Entry] = [
        (each["row"], each["text"], f"{each['distance']:.2f}")
        for each in point["neighbours"]
        if each["row"] not in shown["hidden"]
    ]
    may_start = _studio_name(context, shown, row) is not None
    links: list[Entry] = [(each["row"], each["text"], "") for each in point["links"]]
    linked = "Its tunes" if side == "title" else "Its titles"
    return [
        gr.update(picked=row),
        gr.update(visible=True, elem_classes=LATEST),
        gr.update(value=seen, visible=bool(seen)),
        playing(clips) if play else clips,
        f'<p class="k-explain" aria-live="polite">{escape(_labels(shown, point))}</p>{leads}',
        gr.update(visible=bool(seen) or may_start),
        gr.update(visible=bool(seen) and may_start),
        f"<h3>{linked}</h3>" if links else "",
        links,
        "<h3>Nearest, with their distance</h3>" if near else "",
        near,
        None,
        score,
        {"point": str(row) if row < count else ""},
        gr.skip(),
    ]


def clip_of(context: Context, shown: Shown, row: int) -> dict[str, Any]:
    """A point as a list of clips shows it."""
    open_map = opened(context, shown)
    count = len(open_map.drawn.points)
    if row >= count:
        added = shown["added"][row - count]
        clip = {name: added[name] for name in ("audio_url", "notes_url", "seconds")}
        return {**clip, "heading": added["text"], "detail": ""}
    labels = {name: values[row] for name, values in open_map.colours.items()}
    detail = [labels.get(name, "") for name in ("side", "genre", "collection", "category")]
    address = f"/api/atlas/maps/{shown['map_id']}/points/{row}"
    return {
        "heading": open_map.drawn.points.texts[row],
        "detail": capital(" · ".join(dict.fromkeys(filter(None, detail)))),
        "audio_url": f"{address}/audio",
        "notes_url": f"{address}/notes",
    }


def open_in_studio(context: Context, token: str | None, shown: Shown, clips: list[dict[str, Any]]) -> list[str]:
    """Where the studio starts from the picture or the music of the point that was chosen; or why it doesn't."""
    if shown["kind"] != listener_view.PICTURES:
        return open_music_in_studio(context, token, shown, clips)
    try:
        listener_id, found = listener_of(context, token), opened(context, shown)
        return [listener_view.picture_address(context.studio, listener_id, found, clips[0]["row"]), ""]
    except Problem as error:
        return ["", status(sentence(error))]


def open_music_in_studio(context: Context, token: str | None, shown: Shown, clips: list[dict[str, Any]]) -> list[str]:
    """The same of its music: of a picture that which it is tied to."""
    name = _studio_name(context, shown, clips[0]["row"])
    if name is None:
        return ["", status("The studio can't start from this point.")]
    try:
        return [listener_view.address(context.studio, listener_of(context, token), name), ""]
    except Problem as error:
        return ["", status(sentence(error))]


def _studio_name(context: Context, shown: Shown, row: int) -> str | None:
    open_map = opened(context, shown)
    count = len(open_map.drawn.points)
    if row < count:
        return listener_view.name_of(open_map, row)
    added = shown["added"][row - count]
    return str(added["name"]) if "name" in added else f"clips/{added['clip_id']}"


def _labels(shown: Shown, point: Mapping[str, Any]) -> str:
    labels = " · ".join(label for name, label in point["colours"].items() if label and name != "side")
    row, utility = point["row"], shown["utility"]
    taste = ""
    if shown["votes"] and utility and row < len(utility):
        sign = "+" if utility[row] >= 0 else "−"
        taste = f" · your taste {sign}{abs(utility[row]):.2f} ± {shown['sd'][row]:.2f} (0 is the average)"
    return f"{labels}{taste}{' · ' + point['terms'] if point['terms'] else ''}"


def opened(context: Context, shown: Shown) -> OpenMap:
    """The map that is shown."""
    return open_maps.opened(context.database, context.clip_store, uuid.UUID(shown["map_id"]))


def _text(context: Context, shown: Shown, row: int) -> str:
    texts = opened(context, shown).drawn.points.texts
    return str(texts[row] if row < len(texts) else shown["added"][row - len(texts)]["text"])


def _found(context: Context, shown: Shown, words: str) -> list[int]:
    wanted = _plain(words.strip())
    texts = [
        *_plain_texts(opened(context, shown)),
        *(_plain(each["text"]) for each in shown["added"]),
    ]
    hidden = set(shown["hidden"])
    return [row for row, text in enumerate(texts) if wanted in text and row not in hidden] if wanted else []


def _plain_texts(found: OpenMap) -> tuple[str, ...]:
    """The texts of a map to search in."""
    key = str(found.map_id)
    if key not in _texts:
        if len(_texts) >= KEPT:
            _texts.clear()
        _texts[key] = tuple(map(_plain, found.drawn.points.texts))
    return _texts[key]


def _plain(text: str) -> str:
    """Without accents and capitals."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in apart if not unicodedata.category(letter).startswith("M")).lower()


def _rings(shown: Shown) -> list[dict[str, Any]]:
    return [
        {"x": each["x"], "y": each["y"], "text": each["text"], **_added_labels(each)}
        | ({"values": {TASTE: each["utility"]}} if "utility" in each else {})
        for each in shown["added"]
    ]


def _added_labels(each: Mapping[str, Any]) -> dict[str, Any]:
    """What the legend calls a point that is not of the map: never unknown."""
    if "clip_id" not in each:
        return {"label": "your file"}
    return {"label": "composed for you" if each["own"] else COMPOSED, "labels": {"domain": each["domain"]}}


def _picture_of(found: OpenMap, row: int, near: Sequence[int]) -> str:
    """The picture of a point with those of its neighbours; "" on a map of music."""
    texts = found.drawn.points.texts
    if found.kind != listener_view.PICTURES or row >= len(texts):
        return ""
    own = _image(f"api/atlas/maps/{found.map_id}/points/{row}/picture", texts[row])
    links = [(str(found.map_id), each, texts[each]) for each in near]
    return f'<div class="k-picture">{own}{_strip("Pictures nearest to it", links)}</div>'


def _tied_pictures(tied: Sequence[TiedPoint]) -> str:
    """The pictures that music is tied to; each leads to its place on the map of pictures."""
    return _strip("Pictures tied to it", [(each.map_id, each.row, each.text) for each in tied])


def _tied_music(tied: Sequence[TiedPoint]) -> str:
    """Where the music that a picture is tied to lies on its own map."""
    if not tied:
        return '<p class="k-explain">The music tied to it is not on the newest map of clips.</p>'
    links = "".join(f'<li><a href="{_address(each.map_id, each.row)}">{escape(each.text)}</a></li>' for each in tied)
    return f'<h3>On the map of clips</h3><ol class="k-explain">{links}</ol>'


def _tied_clips(tied: Sequence[TiedPoint], row: int) -> list[dict[str, Any]]:
    """The music that a picture is tied to, as a list of clips shows it; ``row``: the picture's."""
    return [
        {"heading": each.text, "detail": "", "audio_url": each.audio_url, "notes_url": each.notes_url, "row": row}
        for each in tied
    ]


def _strip(title: str, links: Sequence[tuple[str, int, str]]) -> str:
    if not links:
        return ""
    images = "".join(
        f'<a href="{_address(map_id, row)}" title="{escape(text)}">'
        f"{_image(f'api/atlas/maps/{map_id}/points/{row}/picture', text)}</a>"
        for map_id, row, text in links
    )
    return f'<h3>{title}</h3><div class="k-pictures">{images}</div>'


def _image(address: str, text: str) -> str:
    return f'<img src="{address}" alt="{escape(text)}" width="96" height="96" loading="lazy">'


def _address(map_id: str, row: int) -> str:
    return f"maps?map={map_id}&amp;point={row}"
