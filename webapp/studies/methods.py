"""The methods paragraph of a study, from its design and what was found of it: to be put into a paper and edited."""

from __future__ import annotations

from db.tables import ListeningStudy
from webapp.studies import analysis, studies
from webapp.studies.analysis import Analysis
from webapp.studies.design import Pairs, StudyDesign

DRAWN = {
    "random": "drawn at random, so that every two systems were compared equally often",
    "fixed": "drawn from a list that was fixed in advance, in random order",
    "adaptive": "drawn with known probabilities, more often of those systems whose order the answers so far left open",
}


def methods(design: StudyDesign, study: ListeningStudy, found: Analysis) -> str:
    """A paragraph of whole sentences."""
    pairs, told = design.pairs, study.clips_told
    rated = design.task == "mood"
    sentences = [
        _people(design, found),
        _rated(pairs) if rated else _compared(design),
        f"The question was: “{design.question}”{' Ties were allowed.' if pairs.ties and not rated else ''}",
        f"All clips were cut to {told['seconds']:.1f} s and brought to -18 LUFS (ITU-R BS.1770-4)." if told else "",
        f"An answer could be given once three seconds of {'the clip' if rated else 'both clips'} had been heard.",
        f"{pairs.repeats} {'clips came again' if rated else 'pairs came again with A and B exchanged'}."
        if pairs.repeats
        else "",
        f"{pairs.attention_checks} {'clips' if rated else 'pairs'} asked for a certain answer, as attention checks."
        if pairs.attention_checks
        else "",
        _headphones(found) if design.headphone_check else "",
        _conditions(found),
        HEARD
        if rated
        else (
            "Preferences are means over participants of each one's share of answers, with confidence sequences by "
            "betting, which hold at any stopping time (Waudby-Smith & Ramdas 2024), at a joint level of 95 % by "
            "Bonferroni's correction; strengths are those of the Bradley-Terry model, with ties as half wins, and "
            "asymptotic confidence sequences over participants (Waudby-Smith et al. 2024)."
        ),
        _left_out(design, found),
        f"The design was fixed before the first participant came (SHA-256 {studies.design_hash(study)}).",
    ]
    return " ".join(each for each in sentences if each)


HEARD = (
    "Shares of answers in the intended quadrant, and on the intended side of valence and arousal, are means over "
    "participants of each one's share, with confidence sequences by betting, which hold at any stopping time "
    "(Waudby-Smith & Ramdas 2024), at a joint level of 95 % by Bonferroni's correction, and so are the differences "
    "between two kinds of clips. Agreement is Krippendorff's alpha (2004), with a bootstrap over clips."
)


def _rated(pairs: Pairs) -> str:
    return (
        f"Each heard {pairs.per_participant} clips in a web browser, one at a time and drawn at random, every kind of "
        "clip and every intended mood equally often, and rated valence (sad to happy) and arousal (calm to lively) by "
        "two sliders (Russell 1980)."
    )


def _compared(design: StudyDesign) -> str:
    beside = ", each beside the picture that it was for" if design.task == "fit" else ""
    return (
        f"Each compared {design.pairs.per_participant} pairs of clips in a web browser{beside}, "
        f"{DRAWN[design.pairs.way]}; which clip was called A was random."
    )


def _people(design: StudyDesign, found: Analysis) -> str:
    """Who began, and what became of them, as a CONSORT diagram has it."""
    counts = found.counts
    going = f"{counts.going} had not finished yet, " if counts.going else ""
    return (
        f"{counts.begun} people of {design.least_age} years or older began the study: {counts.withdrawn} withdrew and "
        f"left no data, {counts.stopped} stopped before the end, {going}and {counts.completed} finished."
    )


def _headphones(found: Analysis) -> str:
    checked = found.quality.headphones
    passed = f"{round(checked.value * checked.n)} of {checked.n} passed" if checked.n else "nobody has finished yet"
    return (
        "Before this, headphones were checked with tones in antiphase, twice where the first check was failed (Woods "
        f"et al. 2017): of those who finished, {passed}. Who failed took part as well."
    )


def _conditions(found: Analysis) -> str:
    names = [each.condition for each in found.everybody if each.condition]
    if len(names) < 2:
        return ""
    groups = ", ".join(f"{each.condition} ({each.people})" for each in found.everybody)
    return f"Participants were dealt into conditions at random, always into one of the smallest: {groups}."


def _left_out(design: StudyDesign, found: Analysis) -> str:
    rules = analysis.rules(design.exclusion, checked=design.headphone_check)
    if not rules:
        return f"Nobody was left out: all {found.counts.completed} who finished were analysed."
    return (
        f"Results are given for all {found.counts.completed} who finished, and without those with "
        f"{' or '.join(rules)} ({found.left_out} people, which leaves {found.counts.completed - found.left_out}), as "
        "was stated in advance."
    )
