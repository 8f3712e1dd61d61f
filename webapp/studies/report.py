"""A study's report as one HTML page that needs nothing beside itself: results, quality, methods.

The methods paragraph says of design and findings what a paper says: to be put into one and edited.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape

from sqlalchemy.orm import Session

from db.queries import listening_studies as study_rows
from db.tables import ListeningStudy
from models.metrics.intervals import FEW, Figure
from webapp.runtime.commands import VERSION, commit
from webapp.runtime.database import Database
from webapp.studies import analysis, moods, participation, studies
from webapp.studies.analysis import Analysis, Answered, Results, Strength
from webapp.studies.design import MOODS, Pairs, StudyDesign
from webapp.studies.moods import Moods

STYLE = """
:root { color-scheme: light dark;
  --paper: #f4f5f2; --ink: #15191a; --quiet: #515857; --line: #d5d9d5; --felt: #a3243b; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0f1212; --ink: #eceee9; --quiet: #a7aeab; --line: #333a39; --felt: #f0798b; } }
body { margin: 0 auto; max-width: 960px; padding: 24px 20px 60px; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; }
h1, h2, h3 { font-family: "Old Standard TT", "Times New Roman", serif; font-weight: 400; line-height: 1.2; }
h1 { font-size: 34px; } h2 { font-size: 26px; margin-top: 40px; } h3 { font-size: 20px; }
p { max-width: 72ch; overflow-wrap: anywhere; } .quiet { color: var(--quiet); }
.wide { overflow-x: auto; } table { border-collapse: collapse; min-width: 320px; }
th, td { padding: 6px 16px 6px 0; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n { font-variant-numeric: tabular-nums; } td svg { min-width: 220px; }
svg { display: block; width: 220px; height: 18px; } code { overflow-wrap: anywhere; }
"""
FEWEST = 3  # people who gave an answer, or it isn't reported
ANY_LOOK = (
    "Shares are means over people; a tie counts half. Their intervals hold together with 95 %, whenever one looks and "
    "however often: one may stop the study because of them."
)
STRENGTHS = (
    "Bradley-Terry strengths in log-odds, with a mean of 0; a tie is half a win for either. Their intervals over "
    "people hold together with 95 %, whenever one looks, if there are many people; of few, decide by the shares above."
)
HEARD = (
    "Shares are means over people. Chance is 25 % for the mood and 50 % for a side. The intervals of a column hold "
    "together with 95 %, whenever one looks and however often, and so do those of the differences."
)
AGREED = (
    "Krippendorff's alpha: 1 where everybody says the same of each clip, 0 where they agree as much as by chance. "
    "Bootstrap intervals over clips, for one look."
)
DRAWN = {
    "random": "drawn at random, so that every two systems were compared equally often",
    "fixed": "drawn from a list that was fixed in advance, in random order",
    "adaptive": "drawn with known probabilities, more often of those systems whose order the answers so far left open",
}
MOODS_COUNTED = (
    "Shares of answers in the intended quadrant, and on the intended side of valence and arousal, are means over "
    "participants of each one's share, with confidence sequences by betting, which hold at any stopping time "
    "(Waudby-Smith & Ramdas 2024), at a joint level of 95 % by Bonferroni's correction, and so are the differences "
    "between two kinds of clips. Agreement is Krippendorff's alpha (2004), with a bootstrap over clips."
)


def report(database: Database, key: str) -> str:
    """The page for whoever has the researcher's key; raises ``NotYours``."""

    def work(session: Session) -> tuple[ListeningStudy, Analysis, datetime]:
        study = studies.require(session, key)
        return study, analysis.analyse(session, study), study_rows.now(session)

    study, analysed, at = database.transaction(work)
    return page(study, analysed, at)


def page(study: ListeningStudy, analysed: Analysis, at: datetime) -> str:
    """The page of an analysis."""
    design = studies.design_of(study)
    title = escape(design.title)
    rules = analysis.rules(design.exclusion, checked=design.headphone_check)
    sections = [
        _facts(study, analysed, at),
        _flow(analysed, checked=design.headphone_check),
        _results("Everybody who finished", analysed.everybody, analysed.moods),
        _excluded(analysed, rules),
        _results("Without them", analysed.without, analysed.moods_without) if rules else "",
        _quality(analysed, checked=design.headphone_check, pairs=design.task != "mood"),
        _questions(analysed),
        f"<h2>Methods</h2><p>{escape(methods(design, study, analysed))}</p>",
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<style>{STYLE}</style></head><body><main><h1>{title}</h1>{''.join(sections)}</main></body></html>"
    )


def with_interval(figure: Figure, *, percent: bool = True) -> str:
    """A figure with its interval in words."""
    if math.isnan(figure.value):
        return "no answers yet"
    form = "{:.0%}" if percent else "{:.2f}"
    return f"{form.format(figure.value)} ({form.format(figure.low)} to {form.format(figure.high)})"


def _facts(study: ListeningStudy, analysed: Analysis, at: datetime) -> str:
    facts = {
        "state": f"{study.state}, looked at on {at:%Y-%m-%d %H:%M} UTC",
        "opened": f"{study.opened_at:%Y-%m-%d}" if study.opened_at else "not yet",
        "age groups": _ages(analysed) or "none yet",
        "design": f"SHA-256 {studies.design_hash(study)}; text version {study.consent_version}",
        "made by": f"Kallos {VERSION}, commit {commit() or 'unknown'}",
    }
    return _table((), facts.items())


def _flow(analysed: Analysis, *, checked: bool) -> str:
    """From who began to who was analysed, the lines of a CONSORT diagram."""
    counts, passed = analysed.counts, analysed.quality.headphones
    failed = (("of these, failed the headphone check", passed.n - round(passed.value * passed.n)),) if passed.n else ()
    lines = [
        ("began: read the text and agreed", counts.begun),
        ("withdrew: all of their answers were deleted", counts.withdrawn),
        ("stopped before the end", counts.stopped),
        ("have not finished yet", counts.going),
        ("finished", counts.completed),
        *(failed if checked else ()),
        ("left out by the rules below", analysed.left_out),
        ("analysed without whom the rules leave out", counts.completed - analysed.left_out),
    ]
    note = '<p class="quiet">Who opened the link and did not agree is not counted: nothing is stored of them.</p>'
    return f"<h2>Who took part</h2>{_table(('', 'people'), lines)}{note}"


def reportable(counts: Mapping[str, int], possible: int) -> list[str]:
    """Those that may be named where a person gave one of so many ``possible`` answers, and how many gave each is known.

    Answers of few people are left out. If that left out a single one, it could be worked out from the rest, so the
    rarest of the others is left out as well.
    """
    often = {each: count for each, count in counts.items() if count}
    shown = sorted((each for each in often if often[each] >= FEWEST), key=lambda each: (often[each], each))
    return shown[1:] if len(shown) < len(often) and possible - len(shown) < 2 else shown


def _ages(analysed: Analysis) -> str:
    """Counts by age group; a group of few people is not named."""
    shown = sorted(reportable(analysed.ages, len(participation.GROUPS) + 1))
    counts = [f"{group}: {analysed.ages[group]}" for group in shown]
    return ", ".join([*counts, "others: too few to be told"] if len(shown) < len(analysed.ages) else counts)


def _results(title: str, every: Sequence[Results], heard: Sequence[Moods] = ()) -> str:
    if not every and not heard:
        return f"<h2>{title}</h2><p>Nobody has finished yet.</p>"
    return f"<h2>{title}</h2>" + "".join(map(_result, every)) + "".join(map(_heard, heard))


def _whose(condition: str, people: int) -> str:
    name = f"Condition {escape(condition)}: " if condition else ""
    return f"<h3>{name}{people} {'person' if people == 1 else 'people'}</h3>"


def _heard(rated: Moods) -> str:
    """In which moods clips were heard, and whether people agree."""
    shares = [
        (escape(each.system), with_interval(each.quadrant), _bar(each.quadrant, moods.CHANCE),
         with_interval(each.valence), with_interval(each.arousal), each.quadrant.n, each.answers)
        for each in rated.shares
    ]  # fmt: skip
    apart = [
        (f"{escape(each.first)} less {escape(each.second)}", with_interval(each.more), each.more.n)
        for each in rated.differences
    ]  # fmt: skip
    agreed = [(on, with_interval(figure, percent=False), figure.n) for on, figure in rated.agreement.items()]
    head = ("clips", "heard in the mood meant", "", "right side of valence", "of arousal", "people", "answers")
    return (
        _whose(rated.condition, rated.people)
        + _table(head, shares, raw=True)
        + f'<p class="quiet">{HEARD}</p>'
        + (_table(("heard in the mood meant", "difference", "people"), apart, raw=True) if apart else "")
        + "<h3>Which mood was heard</h3>"
        + "".join(map(_confusion, rated.confusions.items()))
        + "<h3>Whether people agree</h3>"
        + _table(("on", "alpha", "clips"), agreed)
        + f'<p class="quiet">{AGREED}</p>'
    )


def _confusion(of_system: tuple[str, Mapping[str, Mapping[str, int]]]) -> str:
    """A table of answers: a row a mood that was meant, a column one that was heard."""
    system, table = of_system
    heard = [name for name in next(iter(table.values())) if name in MOODS or any(row[name] for row in table.values())]
    lines = [
        (f"<b>{meant}</b>", *(f"<b>{row[name]}</b>" if name == meant else row[name] for name in heard))
        for meant, row in table.items()
    ]
    return _table((f"{system}: meant", *(f"heard {name}" for name in heard)), lines, raw=True)


def _result(result: Results) -> str:
    lines = [
        (f"{escape(each.first)} over {escape(each.second)}", with_interval(each.share), _bar(each.share), each.share.n,
         each.answers)
        for each in result.preferences
    ]  # fmt: skip
    strengths = [
        (escape(each.system), f"{each.value:+.2f}", _between(each, result.people)) for each in result.strengths
    ]
    return (
        _whose(result.condition, result.people)
        + _table(("preferred", "share", "", "people", "answers"), lines, raw=True)
        + f'<p class="quiet">{ANY_LOOK}</p>'
        + (
            _table(("system", "strength", "95 % interval"), strengths, raw=True) + f'<p class="quiet">{STRENGTHS}</p>'
            if strengths
            else ""
        )
    )


def _between(strength: Strength, people: int) -> str:
    """The interval of a strength, where there are people enough for one."""
    return f"{strength.low:+.2f} to {strength.high:+.2f}" if people >= FEW else f"from {FEW} people on"


def _excluded(analysed: Analysis, rules: Sequence[str]) -> str:
    if not rules:
        return "<h2>Who is left out</h2><p>The design states no rule by which anybody is left out.</p>"
    reasons = ", ".join(f"{reason}: {count}" for reason, count in sorted(analysed.excluded.items())) or "nobody so far"
    return (
        f"<h2>Who is left out</h2><p>Stated before the study opened: {escape('; '.join(rules))}. "
        f"This leaves out {analysed.left_out} of {analysed.counts.completed} ({escape(reasons)}).</p>"
    )


def _quality(analysed: Analysis, *, checked: bool, pairs: bool) -> str:
    quality = analysed.quality
    headphones = ("Headphone check passed (of people)", with_interval(quality.headphones), quality.headphones.n)
    lines = [
        *([headphones] if checked else []),
        (f"Repeated {'pairs answered alike' if pairs else 'clips heard in the same mood'}",
         with_interval(quality.repeats), quality.repeats.n),
        ("Attention checks passed", with_interval(quality.checks), quality.checks.n),
    ]  # fmt: skip
    if pairs:
        lines += [
            ("The left clip chosen (50 % without a side bias)", with_interval(quality.left), quality.left.n),
            ("Equal", with_interval(quality.ties), quality.ties.n),
        ]
    one = "pair" if pairs else "clip"
    pace = (
        ""
        if math.isnan(quality.seconds)
        else f"<p>Half of the people took {quality.seconds:.0f} s or less a {one}.</p>"
    )
    note = '<p class="quiet">Wilson intervals over answers, or people, for one look.</p>'
    return f"<h2>How far answers can be trusted</h2>{_table(('', 'share', 'answers'), lines)}{pace}{note}"


def _questions(analysed: Analysis) -> str:
    """What people answered beside the pairs; those of few people are neither counted nor averaged."""
    if not analysed.answered:
        return ""
    lines = [(each.question, _few(each), each.n) for each in analysed.answered]
    return f"<h2>Questions</h2>{_table(('question', 'answers', 'people'), lines)}"


def _few(answered: Answered) -> str:
    if answered.counts:
        shown = reportable(answered.counts, len(answered.counts))
        hidden = [each for each in answered.counts if each not in shown]
        if any(answered.counts[each] for each in hidden):
            counts = [f"{each}: {n}" for each, n in answered.counts.items() if each in shown]
            return "; ".join([*counts, f"too few to be told apart: {', '.join(hidden)}"])
        return "; ".join(f"{each}: {n}" for each, n in answered.counts.items())
    if answered.in_words:
        return "in words, which are in no dataset: the researcher's page has them"
    if answered.n < FEWEST:
        return f"fewer than {FEWEST} people"
    return f"mean {answered.mean:.1f}, standard deviation {answered.sd:.1f}"


def _bar(figure: Figure, chance: float = 0.5) -> str:
    """A share with its interval, beside ``chance``."""
    if math.isnan(figure.value):
        return ""
    low, high, value = (round(200 * each) + 10 for each in (figure.low, figure.high, figure.value))
    return (
        '<svg viewBox="0 0 220 18" aria-hidden="true"><path d="M10 9h200" stroke="var(--line)"/>'
        f'<path d="M{200 * chance + 10:.0f} 2v14" stroke="var(--line)"/>'
        f'<path d="M{low} 9H{high}" stroke="var(--ink)" stroke-width="3"/>'
        f'<circle cx="{value}" cy="9" r="5" fill="var(--felt)"/></svg>'
    )


def _table(head: Sequence[str], lines: Iterable[Sequence[object]], *, raw: bool = False) -> str:
    """Lines as a table; what is ``raw`` is markup already."""
    tops = "".join(f"<th scope='col'>{escape(name)}</th>" for name in head)
    rows = "".join(
        "<tr>" + "".join(f"<td class='n'>{each if raw else escape(str(each))}</td>" for each in line) + "</tr>"
        for line in lines
    )
    return f'<div class="wide" role="region" aria-label="Table" tabindex="0"><table>{tops}{rows}</table></div>'


def methods(design: StudyDesign, study: ListeningStudy, analysed: Analysis) -> str:
    """A paragraph of whole sentences."""
    pairs, clips = design.pairs, study.clips_told
    rated = design.task == "mood"
    sentences = [
        _people(design, analysed),
        _rated(pairs) if rated else _compared(design),
        f"The question was: “{design.question}”{' Ties were allowed.' if pairs.ties and not rated else ''}",
        f"All clips were cut to {clips['seconds']:.1f} s and brought to -18 LUFS (ITU-R BS.1770-4)." if clips else "",
        f"An answer could be given once three seconds of {'the clip' if rated else 'both clips'} had been heard.",
        f"{pairs.repeats} {'clips came again' if rated else 'pairs came again with A and B exchanged'}."
        if pairs.repeats
        else "",
        f"{pairs.attention_checks} {'clips' if rated else 'pairs'} asked for a certain answer, as attention checks."
        if pairs.attention_checks
        else "",
        _headphones(analysed) if design.headphone_check else "",
        _conditions(analysed),
        MOODS_COUNTED
        if rated
        else (
            "Preferences are means over participants of each one's share of answers, with confidence sequences by "
            "betting, which hold at any stopping time (Waudby-Smith & Ramdas 2024), at a joint level of 95 % by "
            "Bonferroni's correction; strengths are those of the Bradley-Terry model, with ties as half wins, and "
            "asymptotic confidence sequences over participants (Waudby-Smith et al. 2024)."
        ),
        _left_out(design, analysed),
        f"The design was fixed before the first participant came (SHA-256 {studies.design_hash(study)}).",
    ]
    return " ".join(each for each in sentences if each)


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


def _people(design: StudyDesign, analysed: Analysis) -> str:
    """Who began, and what became of them, as a CONSORT diagram has it."""
    counts = analysed.counts
    going = f"{counts.going} had not finished yet, " if counts.going else ""
    return (
        f"{counts.begun} people of {design.least_age} years or older began the study: {counts.withdrawn} withdrew and "
        f"left no data, {counts.stopped} stopped before the end, {going}and {counts.completed} finished."
    )


def _headphones(analysed: Analysis) -> str:
    checked = analysed.quality.headphones
    passed = f"{round(checked.value * checked.n)} of {checked.n} passed" if checked.n else "nobody has finished yet"
    return (
        "Before this, headphones were checked with tones in antiphase, twice where the first check was failed (Woods "
        f"et al. 2017): of those who finished, {passed}. Who failed took part as well."
    )


def _conditions(analysed: Analysis) -> str:
    names = [each.condition for each in analysed.everybody if each.condition]
    if len(names) < 2:
        return ""
    groups = ", ".join(f"{each.condition} ({each.people})" for each in analysed.everybody)
    return f"Participants were dealt into conditions at random, always into one of the smallest: {groups}."


def _left_out(design: StudyDesign, analysed: Analysis) -> str:
    rules = analysis.rules(design.exclusion, checked=design.headphone_check)
    if not rules:
        return f"Nobody was left out: all {analysed.counts.completed} who finished were analysed."
    completed, left_out = analysed.counts.completed, analysed.left_out
    return (
        f"Results are given for all {completed} who finished, and without those with {' or '.join(rules)} "
        f"({left_out} people, which leaves {completed - left_out}), as was stated in advance."
    )
