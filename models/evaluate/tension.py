"""Beauty without labels: ``python -m models.evaluate.tension [--data DIR] [--model PATH] [--limit N] [--seed N]``.

(a) How often held-out real music scores above itself with its bars shuffled, its melody jittered, or its second half
taken from another piece. DIR with MIDI or ABC files alone is such music.
(b) Effects of surprise, uncertainty and their product on liking, of all people and of each by themselves, and (c) pairs
told by the score alone, beside supervised rivals, and what the page's head gains when it sees these measures, the mood
that a judge hears, or both, where DIR has judgements and clips (``models.taste.evaluation.study``; by default the
listener ratings of the corpora, where they are).
(d) What the generator writes where of some candidates the one is kept that a reward likes best, or where a reward says
every few bars which of them go on (``--guided`` pieces a domain; 0 leaves this out); and what an agent writes that was
trained by these rewards (``--agent``, OUT/bundle of ``models.train.agent --reward tension``). A second pair of models
(``--judge``, of ``models.train.tension --pieces``), which rewarded nobody, may measure the same. Rewards are explained
in ``models.tension.score``.
(e) Heads on the piece model's states beside the same heads on plain statistics: the bars to come, what is recognised of
what was heard, and a piece's own bars (fitted on ``--heads`` pieces a domain; 0 leaves this out).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.evaluate.taste import half_known, unheard
from models.experiments.arguments import add_domains_argument, exit_on_error, exit_without_music, positive_int
from models.experiments.dataset import neutral, training_pieces
from models.experiments.provenance import data_hash
from models.experiments.report import Report
from models.mood.judge import bar_moods, load_mood
from models.music.corpora import corpora_folder
from models.music.midi import read_midi
from models.music.notes import Piece
from models.rating.agent import TENSION_AGENT
from models.rating.agent.policy import load_agent
from models.style.checkpoint import style_argument
from models.style.evaluation.clips import corpora_parts
from models.style.pieces.sampling import Writer
from models.taste.evaluation.methods import People, Task, new_clips
from models.taste.evaluation.study import NOTES, Pairs, Study, files_of, joined, load_study
from models.tension.evaluation import Judged, Melodies, gain, liking, pairs, real_above_spoiled, with_measures
from models.tension.guided import Agent, guided
from models.tension.heads import compare
from models.tension.persons import persons
from models.tension.reading import read_all
from models.tension.score import SHIPPED, TensionBundle, load_tension

Floats = npt.NDArray[np.float64]

RATINGS = "listener_ratings"
JUDGEMENTS = ("ratings.csv", "votes.csv")


def judged_folder(data: Path | None) -> Path | None:
    """Where judgements lie: in ``data``, or where none was given among the corpora; None where there are none."""
    folder = data or ((corpora := corpora_folder()) and corpora / RATINGS)
    return folder if folder and any((folder / name).is_file() for name in JUDGEMENTS) else None


def judged_clips(folder: Path, names: Sequence[str]) -> list[Piece]:
    """The notes of judged clips, which lie in ``midi``; ends where some have none."""
    files = files_of(folder / "midi", names, NOTES)
    if lacking := [name for name in names if name not in files]:
        raise SystemExit(
            f"{folder} has no midi/{lacking[0]}.mid; tension is heard in notes, so every judged clip needs them: add "
            f"the files of {len(lacking)} clips or drop their rows"
        )
    return [neutral(read_midi(files[name])) for name in names]


def told_by_others(study: Study, seed: int) -> dict[str, tuple[Pairs, Floats]]:
    """What supervised rivals say: the average listener of the clips, ours and trees of clips that nobody judged."""
    every = study.pairs(np.arange(len(study.judgements)))
    tasks = [
        Task(listener, study.rows_of(listener)[:0], study.pairs(study.rows_of(listener)))
        for listener in study.listeners.tolist()
    ]
    average = People(study, seed).answer("average", tasks).wins
    found = {name: (every, new_clips(study, name, every, seed).wins) for name in ("ours", "trees")}
    return {"average": (joined([task.pairs for task in tasks]), average), **found}


def gains(report: Report, study: Study, measures: Mapping[str, Floats]) -> None:
    """What the page's head gains from measures of the clips, on clips that others judged and that nobody judged.

    ``measures`` ``(clips, K)`` by the name that stands before "known" and "unheard" in the key.
    """
    tasks = half_known(study, report.seed)
    ways = {"without": study} | {name: with_measures(study, columns) for name, columns in measures.items()}
    known = {name: People(each, report.seed).answer("ours", tasks).wins for name, each in ways.items() if tasks}
    new = {name: unheard(each, report.seed, ["ours"]) for name, each in ways.items()}
    answers = {name: found.answers["ours"] for name, found in new.items()}
    for name in measures:
        if tasks:
            gain(report, f"{name}known", joined([task.pairs for task in tasks]), (known[name], known["without"]))
        with_them, without = answers[name], answers["without"]
        if with_them and without:
            gain(report, f"{name}unheard", new["without"].pairs, (with_them.wins, without.wins))


def heads(
    report: Report, bundle: TensionBundle, parts: Mapping[str, Sequence[Piece]], test: Sequence[Piece], each: int
) -> None:
    """Fit heads on up to ``each`` training pieces a domain, and ask them about some of ``test``."""
    judge = load_mood().first
    known = {
        "train": (parts["train"], each),
        "validation": (parts["validation"], max(4, each // 4)),
        "test": (test, max(4, each * 2 // 5)),
    }
    found = {
        part: read_all(
            bundle.ears.model, style_argument("default").model, lambda tokens: bar_moods(judge, tokens), pieces,
            each=some, seed=report.seed,
        )
        for part, (pieces, some) in known.items()
    }  # fmt: skip
    if all(found.values()):
        compare(report, found)


def agent_of(folder: Path, writer: Writer) -> Agent | None:
    """The agent in ``folder``; None where the shipped one learned on another writer. Ends where none can be loaded."""
    try:
        bundle = load_agent(folder, writer)
        return Agent(bundle.writer(writer), bundle.card["domains"])
    except (OSError, ValueError) as error:
        if folder != TENSION_AGENT:
            raise SystemExit(str(error)) from error
        print(f"no pieces by the shipped agent: {error}")
        return None


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.tension", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of music, or of judgements and clips")
    parser.add_argument("--model", default=SHIPPED, help="a shipped model, or the folder of one of your own")
    parser.add_argument("--limit", type=positive_int, default=100, help="excerpts a domain that are spoiled")
    parser.add_argument("--guided", type=int, default=40, help="pieces a domain that a reward chooses; 0: none")
    parser.add_argument("--agent", type=Path, default=TENSION_AGENT, help="trained by the rewards, for guided pieces")
    parser.add_argument(
        "--only-agent", action="store_true", help="its pieces beside drafts and the best of some, and nothing else"
    )
    add_domains_argument(parser)
    parser.add_argument("--judge", help="a second tension model, on a piece model of its own")
    parser.add_argument("--heads", type=int, default=220, help="pieces a domain on which heads are fitted; 0: none")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    if given.data is not None and not given.data.is_dir():
        raise SystemExit(f"--data is {given.data}, which is no folder; give one of music, or of judgements and clips")
    with exit_on_error():
        bundle = load_tension(given.model)
        judge = load_tension(given.judge) if given.judge else None
    judged = judged_folder(given.data)
    with exit_without_music():
        parts = corpora_parts(bundle.folder)
        test = parts["test"] if given.data is None or given.data == judged else training_pieces(given.data)
        about = {"hash": data_hash(test), "n": len(test)}
        model = {"version": bundle.version, "sha256": bundle.card["sha256"]["tension"]}
        report = Report("evaluate.tension", about, model, given.seed)
        study = load_study(judged, style_argument("default")) if judged and not given.only_agent else None
        clips = judged_clips(judged, study.clips) if judged and study else []
        if not given.only_agent:
            real_above_spoiled(report, bundle, parts["train"], test, limit=given.limit)
        if study:
            about["judgements"] = study.hash
            heard = Judged.of(bundle, Melodies(piece for piece in parts["train"] if piece.domain == "pop"), clips)
            liking(report, study, heard)
            persons(report, study, heard)
            pairs(report, study, heard, told_by_others(study, given.seed))
            said = load_mood().first.judge(clips)
            moods = np.stack([said.valence, said.arousal], axis=1)
            every = np.concatenate([heard.measures(), moods], axis=1)
            gains(report, study, {"": heard.measures(), "mood.": moods, "all.": every})
        if given.guided > 0:
            writer = Writer.load(bundle.card["pieces"]["name"])
            guided(
                report, bundle, writer, parts["train"], test,
                count=given.guided, domains=given.domains, over_bars=not given.only_agent,
                agent=agent_of(given.agent, writer), judge=judge,
            )  # fmt: skip
        if given.heads > 0 and not given.only_agent:
            heads(report, bundle, parts, test, given.heads)
    report.print()


if __name__ == "__main__":
    main()
