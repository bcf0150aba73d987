"""From what was found to at most three hypotheses: each with its evidence, how sure it is, and what would refute it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retrospectives.analysis import SURE_FAMILY, SURE_SINGLE, SURE_TREND, Analysis, Group, Line
from retrospectives.evidence.association import Association
from retrospectives.metrics import EVERY, FAMILY_OF, LOWER, Family
from retrospectives.wording import WORDS, percent_text

MOST = 3
HIGH, MEDIUM = 0.75, 0.5


@dataclass(frozen=True, slots=True)
class Evidence:
    """One statement about one metric, with the statistic that carries it and its p (None: it is not a test)."""

    metric: str
    statement: str
    statistic: str
    p: float | None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """`better`: the change is for the good; `since`: the place of the first sprint after the change; `lead`: the metric
    that shows it most; `score`: 0 to 1."""

    family: str
    title: str
    description: str
    better: bool
    since: int
    lead: str
    score: float
    evidence: tuple[Evidence, ...]
    affected: tuple[str, ...]
    would_refute: str

    @property
    def confidence(self) -> str:
        return "High" if self.score >= HIGH else "Medium" if self.score >= MEDIUM else "Low"


def hypotheses(analysis: Analysis, names: Sequence[str], pairs: Sequence[Association] = ()) -> tuple[Hypothesis, ...]:
    """At most MOST, the surest first: families before single metrics, and no family twice. `names`: those of the
    sprints, oldest first; `pairs`: what goes together, which supports a hypothesis and makes none."""
    found: list[Hypothesis] = []
    for group in sorted(analysis.groups, key=_surest):
        one = _of_group(analysis, group, names, pairs)
        if one is not None:
            found.append(one)
    found.sort(key=lambda one: -one.score)
    told = {one.family for one in found}
    singles = [line for line in analysis.lines.values() if line.adjusted is not None and line.adjusted <= SURE_SINGLE]
    for line in sorted(singles, key=lambda line: (line.adjusted, -abs(line.shift.effect))):
        family = FAMILY_OF.get(line.key)
        if family is not None and family.key not in told:
            told.add(family.key)
            found.append(_of_line(line, family, names, pairs))
    return tuple(found[:MOST])


def _surest(group: Group) -> tuple[float, float]:
    p = 1.0 if group.adjusted is None else group.adjusted
    return (p, -abs(group.shift.effect) if group.shift else 0.0)


def _of_group(analysis: Analysis, group: Group, names: Sequence[str], pairs: Sequence[Association]
              ) -> Hypothesis | None:
    if group.shift is not None and group.adjusted <= SURE_FAMILY:
        since, better = group.positions[group.shift.at], group.shift.after > group.shift.before
        p, effect = group.adjusted, abs(group.shift.effect)
        agreeing = group.agreeing
        way = "got better" if better else "got worse"
        statement = f"{_members(group.members)} {way}{' together' * (len(group.members) > 1)} from {names[since]} on"
        first = Evidence(_lead(analysis, agreeing, since), statement,
                         f"best split, |t| = {group.shift.statistic:.1f}", p)
    elif group.trend is not None and group.trend_adjusted is not None and group.trend_adjusted <= SURE_TREND:
        since, better = group.positions[0], group.trend.slope > 0
        p, effect = group.trend_adjusted, abs(group.trend.tau) * 2
        agreeing = group.members
        statement = f"{_members(group.members)} {'got better' if better else 'got worse'} from sprint to sprint"
        first = Evidence(_lead(analysis, agreeing, len(names) // 2), statement,
                         f"Mann-Kendall, S = {group.trend.score}", p)
    else:
        return None
    share = len(agreeing) / len(group.members)
    split = since or len(names) // 2
    evidence = (first, *(_moved(analysis.lines[key], split, names) for key in _largest(analysis, agreeing, split)),
                *_related(pairs, agreeing))
    return _written(group.family, better, since, first.metric, _score(p, effect, share), evidence,
                    group.members, names)


def _of_line(line: Line, family: Family, names: Sequence[str], pairs: Sequence[Association]) -> Hypothesis:
    shift, metric = line.shift, EVERY[line.key]
    since = line.positions[shift.at]
    better = (shift.after > shift.before) != (metric.better == LOWER)
    way = "rose" if shift.after > shift.before else "fell"
    means = f"from {metric.say(shift.before)} to {metric.say(shift.after)}"
    statement = f"{metric.label} {way} {means} from {names[since]} on"
    first = Evidence(line.key, statement, f"best split, |t| = {shift.statistic:.1f}", line.adjusted)
    # One metric alone is less than several that agree.
    score = 0.8 * _score(line.adjusted, abs(shift.effect), 1.0)
    evidence = (first, *_related(pairs, (line.key,)))
    return _written(family, better, since, line.key, score, evidence, (line.key,), names)


def _written(family: Family, better: bool, since: int, lead: str, score: float, evidence: tuple[Evidence, ...],
             affected: tuple[str, ...], names: Sequence[str]) -> Hypothesis:
    words = WORDS[family.key]
    label = EVERY[lead].label
    return Hypothesis(
        family.key, words.better_title if better else words.title, words.helped if better else words.cause, better,
        since, lead, round(score, 2), evidence, affected,
        words.refuted.format(metric=label, since=names[since]),
    )  # fmt: skip


def _score(p: float, effect: float, agreement: float) -> float:
    """Half from how unlikely chance is, a quarter each from the size of the change (full at three standard deviations)
    and from the share of metrics that agree."""
    certainty = max(0.0, 1 - p / SURE_SINGLE)
    return 0.5 * certainty + 0.25 * min(1.0, effect / 3) + 0.25 * agreement


def _members(keys: Sequence[str]) -> str:
    labels = [EVERY[key].label if at == 0 else EVERY[key].label[0].lower() + EVERY[key].label[1:]
              for at, key in enumerate(keys)]
    if len(labels) > 3:
        return f"{labels[0]}, {labels[1]} and {len(labels) - 2} others"
    return " and ".join(labels) if len(labels) < 3 else f"{labels[0]}, {labels[1]} and {labels[2]}"


def _means(line: Line, split: int) -> tuple[float, float] | None:
    before = [value for value in line.values[:split] if value is not None]
    after = [value for value in line.values[split:] if value is not None]
    return (sum(before) / len(before), sum(after) / len(after)) if before and after else None


def _change(analysis: Analysis, key: str, split: int) -> float:
    """How far the mean moved over a split, in standard deviations of the whole line."""
    line = analysis.lines[key]
    means = _means(line, split)
    known = [value for value in line.values if value is not None]
    if means is None:
        return 0.0
    middle = sum(known) / len(known)
    spread = (sum((value - middle) ** 2 for value in known) / max(1, len(known) - 1)) ** 0.5
    return abs(means[1] - means[0]) / spread if spread else 0.0


def _largest(analysis: Analysis, keys: Sequence[str], split: int) -> list[str]:
    return sorted((key for key in keys if _means(analysis.lines[key], split)),
                  key=lambda key: -_change(analysis, key, split))[:3]


def _lead(analysis: Analysis, keys: Sequence[str], split: int) -> str:
    return _largest(analysis, keys, split)[0]


def _moved(line: Line, split: int, names: Sequence[str]) -> Evidence:
    metric = EVERY[line.key]
    before, after = _means(line, split)
    change = f", {percent_text(before, after)}" if before else ""
    own = line.shift
    return Evidence(
        line.key,
        f"{metric.label}: {metric.say(before)} on average before {names[split]}, {metric.say(after)} since{change}",
        f"alone: |t| = {own.statistic:.1f}" if own else "means", own.p if own else None,
    )  # fmt: skip


def _related(pairs: Sequence[Association], keys: Sequence[str]) -> tuple[Evidence, ...]:
    """The two surest associations with metrics of other families."""
    found = []
    for pair in pairs:
        inside = {pair.first, pair.second} & set(keys)
        families = {getattr(FAMILY_OF.get(key), "key", key) for key in (pair.first, pair.second)}
        if len(inside) == 1 and len(families) == 2:
            first, second = EVERY[pair.first].label, EVERY[pair.second].label
            way = "go up and down together" if pair.rho > 0 else "move against each other"
            later = ", the second one sprint later" if pair.lag else ""
            found.append(Evidence(inside.pop(), f"{first} and {second[0].lower()}{second[1:]} {way}{later}",
                                  f"Spearman ρ = {pair.rho:.2f}".replace("-", "−"), pair.adjusted))
    return tuple(found[:2])
