"""The researchers' page on listeners: what they share, how many kinds of taste there are, how well it is predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from sqlalchemy.orm import Session

from webapp.context import Context
from webapp.learning.population import FEWEST
from webapp.research import study_listeners
from webapp.research.figures import Drawn
from webapp.research.study_listeners import SIMULATED_NAME
from webapp.runtime import commands
from webapp.studies import keys
from webapp.ui import dashboards
from webapp.ui.components.view_link import chosen
from webapp.ui.dashboards import STILL, Chart, Dashboard, chart, chosen_of, section
from webapp.ui.handlers import bound
from webapp.ui.layout import CHOICE, QUIET, explained, page
from webapp.ui.words import counted, unbroken

LEAD = "What the listeners of a study share, where their tastes differ, and how well their votes are predicted."
NOBODY = 'Nobody has listened here yet. Picks on the <a href="./">Compare page</a> fill this one.'
SIMULATED = (
    "These listeners are simulated: their tastes are known, and they vote through the same pairs and models as people. "
    "Real listeners stand here as soon as somebody has voted."
)
FEW = "{} so far: figures that compare listeners need at least {}."
EVERY_S = 60.0  # all votes are counted each time
CHARTS = {
    "kinds": (
        "Kinds of taste",
        (
            "Tastes may differ in few directions or in many. How much likelier each number of them makes the votes of "
            "listeners that it was not learned from, with the 95 % interval. A newcomer begins with the smallest "
            "number within a standard error of the best (circled)."
        ),
    ),
    "ceilings": (
        "Predicted before the vote",
        (
            "Each listener's share of votes that were predicted right, beside the most that anybody could: some pairs "
            "come twice, with left and right exchanged, and nobody is predicted better than they agree with themselves."
        ),
    ),
    "calibration": (
        "Calibration",
        "Of the votes to which a chance was given, how many came that way, in ten bins of equal size.",
    ),
    "policies": (
        "What chooses a pair",
        (
            "How surprising votes were by what chose their pair: surprise is what can be learned. Red: every vote, "
            "weighed by the inverse of its pair's chance."
        ),
    ),
    "popularity": (
        "Popularity and beauty",
        "How often a clip was judged, and how beautiful it is to the average listener, with the 95 % interval.",
    ),
}
MUSIC, OF_PICTURES = "Music", "Pictures"
Places = Mapping[str, tuple[Chart, gr.HTML]]


def build(context: Context) -> None:
    """The page at ``/listeners``."""
    with page("listeners"):
        frame = Dashboard("Listeners", LEAD, NOBODY)
        with frame.bar:
            study = gr.Dropdown(label="Study", filterable=False, interactive=True, elem_id="choose-study")
            votes_on = gr.Dropdown(
                [MUSIC, OF_PICTURES], value=MUSIC, label="Votes on", filterable=False, interactive=True, visible=False,
                elem_id="choose-votes-on",
            )  # fmt: skip
            frame.offer_link()
        places = {}
        with frame.room:
            for name, (title, meaning) in CHARTS.items():
                with section(title, meaning):
                    places[name] = (chart(name, title, address=f"/api/tastes/{name}"), gr.HTML(**STILL))
            whole = gr.HTML(**STILL)
            command = dashboards.copied(elem_id="study-export")
        timer = gr.Timer(EVERY_S)
    plots = [part for place, told in places.values() for part in (*place.outputs, told)]
    outputs = [*frame.outputs, study, votes_on, whole, command, *plots]
    gr.on(None, bound(opened, context, places), None, outputs, **QUIET)
    gr.on(
        [study.input, votes_on.input, timer.tick], bound(choose, context, places), [study, votes_on], outputs, **CHOICE
    )


def opened(context: Context, places: Places, request: gr.Request) -> list[Any]:
    """The study that the address names, or the largest."""
    votes_on = OF_PICTURES if chosen(request, "about") == "pictures" else MUSIC
    return view(context, places, None, votes_on, wanted=chosen(request, "study"), key=chosen(request, "key"))


def choose(context: Context, places: Places, study: str | None, votes_on: str, request: gr.Request) -> list[Any]:
    """What has been chosen, as it is now."""
    return view(context, places, study, votes_on, wanted=study or "", key=chosen(request, "key"))


def view(
    context: Context, places: Places, study: str | None, votes_on: str, *, wanted: str = "", key: str = ""
) -> list[Any]:
    """A study's votes on music or on pictures; where none is ``wanted``, simulated ones until somebody has voted.

    ``study`` and ``votes_on`` are what the lists show; they stay, since somebody may have chosen another meanwhile.
    """
    of_each = {each: _studies(context, key, pictures=each == OF_PICTURES) for each in (MUSIC, OF_PICTURES)}
    votes_on = votes_on if of_each[votes_on] else MUSIC
    pictures, studies = votes_on == OF_PICTURES, of_each[votes_on]
    space = context.picture_space if pictures else context.space
    options = [
        (f"{each['study_id']} ({each['listeners']} listeners, {each['votes']} votes)", str(each["study_id"]))
        for each in studies
    ]
    listeners, votes = study_listeners.simulated_size()
    if not pictures:
        options.append((f"Simulated ({listeners} listeners, {votes} votes each)", SIMULATED_NAME))
    name = chosen_of(options, wanted)
    simulated = name == SIMULATED_NAME
    voted = next((each["listeners"] for each in studies if str(each["study_id"]) == name), 0)
    few = FEW.format(counted(voted, "listener"), FEWEST) if voted < FEWEST else ""

    def draw(session: Session) -> dict[str, Drawn]:
        return {plot: study_listeners.draw(session, space, plot, name) for plot in places}

    drawn = (
        {plot: study_listeners.draw_simulated(plot) for plot in places}
        if simulated
        else context.database.transaction(draw)
    )
    home = context.settings.home
    if simulated:  # in an installation of its own, which has no people in it
        command = commands.kallos(
            home / SIMULATED_NAME, "study", "simulate", "--out", str(home / f"{SIMULATED_NAME}.json")
        )
        about = "Simulate such a study anew:"
    else:
        out = home / f"{name}{'-pictures' * pictures}.zip"
        command = commands.kallos(home, "study", "export", name, "--out", str(out), *["--pictures"] * pictures)
        about = "All of it as one file, in which nobody has a name:"
    query = {"study": name} | ({"about": "pictures"} if pictures else {})
    return [
        *dashboards.shown(query, SIMULATED if simulated else few),
        dashboards.offered(options, name, study),
        gr.update(value=votes_on, visible=bool(of_each[OF_PICTURES])),
        explained(about),
        command,
        *(part for plot, (place, _) in places.items() for part in _told(place, drawn[plot], query)),
    ]


def _studies(context: Context, key: str, *, pictures: bool) -> list[dict[str, Any]]:
    """Those in which somebody has voted on music, or on pictures."""
    found = context.database.transaction(lambda session: study_listeners.overview(session, pictures=pictures))
    return [each for each in keys.seen(context.settings, found, key) if each["votes"]]


def _told(place: Chart, drawn: Drawn, query: Mapping[str, str]) -> tuple[Any, ...]:
    """A chart and what it comes to, in a sentence; without one the sentence says what is missing."""
    told = str(drawn.details["told"])
    below = f'<p class="k-told">{unbroken(told)}</p>' if len(drawn.frame) else ""
    return *place.shown(drawn, query, told), below
