"""The endpoints of the rating network: it rates sounds, it dreams, and an agent learns to play what it likes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from models.music.notes import Domain
from webapp.context import Context
from webapp.rating import agents, dreams, rated_sounds
from webapp.rating.untrusted_audio import MOST_BYTES
from webapp.runtime.errors import NotAllowed, NotReady
from webapp.runtime.listener_files import Adapters, KeptDreams
from webapp.runtime.long_tasks import awaited
from webapp.ui.endpoints.endpoint import SLOW, Endpoint, File, SourceName, Token, file_for, taken
from webapp.ui.handlers import listener_of


class Rated(TypedDict):
    """A sound's rating; p, low, high and rank are null where it is unlike anything heard or can't be rated."""

    name: str
    seconds: float
    p: float | None
    low: float | None
    high: float | None
    rank: float | None
    x: float | None
    y: float | None
    nearest: list[str]
    outlier: float
    problem: str
    remarks: list[str]


def rate(
    context: Context,
    token: Token,
    sounds: Annotated[list[File], Field(max_length=rated_sounds.MOST_FILES)],
    clips: Annotated[list[SourceName] | None, Field(max_length=rated_sounds.MOST_FILES)] = None,
    ears: rated_sounds.Ears = "tagger",
) -> list[Rated]:
    """Rate sounds and clips of any length by how well they will be liked, the best first; 1 to 12 at once.

    Args:
        token: the listener's token.
        sounds: audio files (WAV, FLAC, Ogg, Opus, MP3), at most 10 MB each; two minutes are heard.
        clips: clips as clips/ID, or pieces of the listener's studio as pieces/ID.
        ears: what listens: a tagger that was trained elsewhere, or mel, networks that learned here alone.

    Returns:
        For each sound p = liked / played · log(liked) with its 95 % interval, the share of the network's collection
        that it thinks lower of (rank), and how unlike all music heard it is: above 1 there is no rating. x and y: where
        it lies on the map of tracks (``rated_tracks``), and the names of the tracks nearest to it.
    """
    listener_id, model = listener_of(context, token), rated_sounds.model(context.settings.runs_folder)
    files = taken(context, sounds, MOST_BYTES)
    files += rated_sounds.sounds_of_clips(context.studio, listener_id, clips or [])
    return [
        {
            "name": each.name, "seconds": each.seconds, "p": each.p, "low": each.low, "high": each.high,
            "rank": each.rank, "x": each.x, "y": each.y, "nearest": list(each.nearest),
            "outlier": each.outlier, "problem": each.problem, "remarks": list(each.remarks),
        }
        for each in rated_sounds.rate(listener_id, files, model=model, ears=ears)
    ]  # fmt: skip


class KnownTrack(TypedDict):
    """A track that the rating network knows, at (x, y): its genre, how often it was played and liked, p of that."""

    name: str
    genre: str
    played: int
    liked: int
    p: float
    x: float
    y: float


def rated_tracks(context: Context, token: Token) -> list[KnownTrack]:
    """The map of the tracks that the rating network learned from: those that it hears alike lie together.

    Args:
        token: the listener's token.

    Returns:
        Every track with its place; none where the network has no map.
    """
    listener_of(context, token)
    found = rated_sounds.tracks(rated_sounds.model(context.settings.runs_folder))
    return [
        {
            "name": each.name, "genre": each.genre, "played": each.played, "liked": each.liked,
            "p": each.p, "x": each.x, "y": each.y,
        }
        for each in found
    ]  # fmt: skip


class DreamStep(TypedDict):
    """p and the judge's p in standard deviations, the critic's word, and whether p alone rises."""

    step: int
    p: float
    judge: float
    realness: float | None
    alarm: bool


class Dreamt(TypedDict):
    """A dream: its steps, its sound, and the way there from the noise."""

    steps: list[DreamStep]
    dream: File
    trail: File


def dream(  # noqa: PLR0917 (an endpoint's arguments have places)
    context: Context,
    token: Token,
    way: dreams.Method = "both",
    seed: Annotated[int, Field(ge=0, le=dreams.MOST_SEED)] = 1,
    steps: Annotated[int, Field(ge=dreams.FEWEST, le=dreams.STEPS)] = dreams.STEPS,
    surface: dreams.Surface = "picture",
) -> Dreamt:
    """Let the rating network dream: white noise, changed step by step into what it rates higher. Takes a minute or two.

    It stays in place of the listener's last one until they are deleted (``kept_dream``).

    Args:
        token: the listener's token.
        way: naive, regularised (smooth and robust), critic (with a critic of realness), or both.
        seed: which noise it begins with.
        steps: of gradient ascent.
        surface: what is changed: the picture that the network sees, or the waveform itself.

    Returns:
        For each step p and what a judge says that nothing was ever dreamt on, both in standard deviations of p; alarm
        where p rises and the judge's does not. Two WAV files: what it dreamt of, and the trail from the noise.
    """
    listener_id = listener_of(context, token)
    model = rated_sounds.model(context.settings.runs_folder)
    database, home = context.database, context.settings.home
    dreams.begin(database, home, listener_id, dreams.Order(way, seed, surface, steps), model=model)
    last = awaited(lambda: dreams.look(database, home, listener_id))
    if not KeptDreams(home).keep(listener_id):
        raise NotReady("the dream was stopped; ask for it again")
    return {
        "steps": [
            {"step": each.step, "p": each.p, "judge": each.judge, "realness": each.realness, "alarm": each.alarm}
            for each in last.steps
        ],
        "dream": file_for(context, listener_id, "dream.wav", last.dream),
        "trail": file_for(context, listener_id, "trail.wav", last.trail),
    }


class Kept(TypedDict):
    """Two WAV files: what was dreamt of, and the trail from the noise."""

    dream: File
    trail: File


def kept_dream(context: Context, token: Token) -> Kept:
    """The dream that a listener keeps.

    Args:
        token: the listener's token.

    Returns:
        Two WAV files: what it dreamt of, and the trail from the noise.
    """
    listener_id = listener_of(context, token)
    found = KeptDreams(context.settings.home).kept(listener_id)
    if found is None:
        raise NotAllowed("you keep no dream yet; dream first")
    return {
        "dream": file_for(context, listener_id, "dream.wav", found[0]),
        "trail": file_for(context, listener_id, "trail.wav", found[1]),
    }


class LearntStep(TypedDict):
    """Mean reward of the clips of a step, the judge's p (null where it isn't asked), divergence in nats a note."""

    step: int
    reward: float | None
    judge: float | None
    kl: float


class Learnt(TypedDict):
    """An agent's way, and what the composer and the agent play from the same places on."""

    steps: list[LearntStep]
    before: list[File]
    after: list[File]


def agent(  # noqa: PLR0917 (an endpoint's arguments have places)
    context: Context,
    token: Token,
    reward: agents.RewardName = "network",
    domain: Domain = "dance",
    seed: Annotated[int, Field(ge=0, le=agents.MOST_SEED)] = 1,
    steps: Annotated[int, Field(ge=1, le=agents.STEPS)] = agents.STEPS,
) -> Learnt:
    """Let an agent learn at the piano: the composer, moved towards what is rewarded. Takes some minutes.

    It stays in place of the listener's last one until they are deleted.

    Args:
        token: the listener's token.
        reward: network (how well the rating network likes the sound), head (the listener's own taste), sum of both,
            tension (an open future and a past that is recognised), or a mixture of all that is there.
        domain: pop, dance or chorale.
        seed: of all that is drawn.
        steps: of 12 clips each.

    Returns:
        For each step the mean reward, what a judge says that never rewards, and how far the agent is from the composer.
        WAV files of what the composer and the agent play from the same places of a piece on.
    """
    listener_id = listener_of(context, token)
    model = rated_sounds.model(context.settings.runs_folder)
    order = agents.Order(reward, domain, seed, steps)
    agents.begin(context.records, context.style_folder, model, listener_id, order)
    last = awaited(lambda: agents.look(context.database, context.settings.home, listener_id))
    if not last.pairs:
        raise NotReady("the agent was stopped; ask for it again")
    Adapters(context.settings.home).keep(listener_id)
    return {
        "steps": [
            {"step": each.step, "reward": each.reward, "judge": each.judge, "kl": each.kl} for each in last.steps
        ],
        "before": [file_for(context, listener_id, f"before-{at}.wav", pair[0]) for at, pair in enumerate(last.pairs)],
        "after": [file_for(context, listener_id, f"after-{at}.wav", pair[1]) for at, pair in enumerate(last.pairs)],
    }


def agent_play(context: Context, token: Token, seed: Annotated[int, Field(ge=0, le=agents.MOST_SEED)] = 1) -> File:
    """Eight new bars by the agent that the listener keeps.

    Args:
        token: the listener's token.
        seed: of what is drawn.

    Returns:
        A WAV file.
    """
    listener_id = listener_of(context, token)
    wav = agents.play(context.records, context.style_folder, listener_id, seed)
    return file_for(context, listener_id, "agent.wav", wav)


ENDPOINTS = (
    Endpoint("rate", rate, SLOW),
    Endpoint("rated_tracks", rated_tracks),
    Endpoint("dream", dream, SLOW),
    Endpoint("kept_dream", kept_dream),
    Endpoint("agent", agent, SLOW),
    Endpoint("agent_play", agent_play, SLOW),
)
