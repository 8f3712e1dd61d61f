"""The endpoint that rates sounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from webapp.context import Context
from webapp.rating import rated_sounds
from webapp.rating.strange_sounds import MOST_BYTES
from webapp.runtime.downloads import Downloads
from webapp.runtime.errors import NotAllowed
from webapp.ui.endpoints.endpoint import SLOW, Endpoint, File, Token
from webapp.ui.handlers import listener_of


class Rated(TypedDict):
    """A sound's rating; p, low, high and rank are null where it is unlike anything heard or can't be rated."""

    name: str
    seconds: float
    p: float | None
    low: float | None
    high: float | None
    rank: float | None
    outlier: float
    problem: str
    remarks: list[str]


def rate(
    context: Context, token: Token, sounds: Annotated[list[File], Field(max_length=rated_sounds.MOST_FILES)]
) -> list[Rated]:
    """Rate sounds of any length by how well they will be liked, the best first.

    Args:
        token: the listener's token.
        sounds: 1 to 12 audio files (WAV, FLAC, Ogg, Opus, MP3), at most 10 MB each; two minutes are heard.

    Returns:
        For each sound p = liked / played · log(liked) with its 95 % interval, the share of the network's collection
        that it thinks lower of (rank), and how unlike all music heard it is: above 1 there is no rating.
    """
    listener_id = listener_of(context, token)
    downloads = Downloads(context.settings.home)
    try:
        files = [(each["orig_name"], downloads.take_upload(each["path"], MOST_BYTES)) for each in sounds]
    except ValueError as error:
        raise NotAllowed(str(error)) from error
    return [
        {
            "name": each.name, "seconds": each.seconds, "p": each.p, "low": each.low, "high": each.high,
            "rank": each.rank, "outlier": each.outlier, "problem": each.problem, "remarks": list(each.remarks),
        }
        for each in rated_sounds.rate(listener_id, files, model=rated_sounds.model(context.settings.runs_folder))
    ]  # fmt: skip


ENDPOINTS = (Endpoint("rate", rate, SLOW),)
