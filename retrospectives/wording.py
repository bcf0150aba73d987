"""The sentences of reports: written by people once, chosen by rule."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of one family. `steps` and `title_of_experiment`: what to try when it got worse; `question`: what
    to ask in the meeting."""

    title: str
    cause: str
    better_title: str
    helped: str
    refuted: str
    experiment: str
    steps: tuple[str, ...]
    duration: int
    question: str


WORDS = {
    "review": Words(
        "Review is where the work waits",
        "Work takes longer from the first line to the merge. Where review grows most, few people review, or what they "
        "get is too large to be read in one sitting.",
        "Work passes review faster",
        "The time from the first line to the merge went down. Something that was changed then is worth keeping.",
        "{metric} goes back to what it was before {since} while nothing is changed, or grows only in a few unusual "
        "items.",
        "First review within half a working day",
        ("Keep two fixed times a day for reviews", "Share them by a rota of the whole team",
         "Nobody holds more than two open reviews"),
        2, "Where did your own work wait this sprint?",
    ),
    "slicing": Words(
        "Stories are too large",
        "More of the points are in large stories. They are begun and not ended in one sprint, and hide what is not "
        "understood yet.",
        "Stories are sliced smaller",
        "More of the points are in small stories, which end within the sprint.",
        "Large stories are done within the sprint as often as small ones.",
        "No large story enters a sprint",
        ("Split every large story at refinement", "A story that cannot be split gets a day of research first"),
        2, "Which story was larger than it looked, and when did you notice?",
    ),
    "quality": Words(
        "Testing lets more through",
        "More bugs are of kinds that a test, a look at the impact, or a talk about the requirement would have caught.",
        "Testing catches more",
        "Fewer bugs are of kinds that a test or a talk about the requirement would have caught.",
        "The new bugs turn out to be old ones that were only found now.",
        "Three questions before a story begins",
        ("Write down how it will be tested, what else it touches and who has read the requirement",
         "Begin no story in which one of the three is open"),
        2, "Which bug of this sprint could we have seen before, and where?",
    ),
    "morale": Words(
        "The team is less happy",
        "The answers of the team about how it feels changed level. The number says that, not why: ask.",
        "The team is happier",
        "The answers of the team about how it feels are on a higher level.",
        "The answers come from fewer people than before, or the question was changed.",
        "One thing off the list each week",
        ("Everybody names the one thing that costs most energy", "The team removes one of them each week"),
        2, "What gave you energy, and what took it?",
    ),
    "flow": Words(
        "Work does not flow to its end",
        "More is carried over, or comes in from outside the sprint, and less is ended. What is begun competes with "
        "what should be ended.",
        "More work flows to its end",
        "Less is carried over and comes in from outside, and more is ended.",
        "What is carried over was blocked by one outside cause that has gone.",
        "End before you begin",
        ("Nobody begins an item while one of the team's is older than three days",
         "What comes in from outside replaces something of the same size"),
        2, "What did we begin that we could have left?",
    ),
    "defects": Words(
        "More defects arise",
        "The counts and rates of bugs are on a higher level, over several places or causes.",
        "Fewer defects arise",
        "The counts and rates of bugs are on a lower level, over several places or causes.",
        "Only the counting changed: who reports, or what counts as a bug.",
        "The cause of every bug in one line",
        ("Write the root cause of each closed bug in one line", "Take the most frequent one to the next planning"),
        3, "Which kind of bug do we meet again and again?",
    ),
    "commitment": Words(
        "The plan is larger than the sprint",
        "Less of what is planned gets done. Either the plan grew, or what the team can do shrank.",
        "The plan fits the sprint",
        "More of what is planned gets done.",
        "Single absences explain the sprints in which little was done.",
        "Plan what was done, not what was hoped",
        ("Plan no more than the mean of what was done in the last three sprints", "Take more in only when all is done"),
        2, "What made us believe that the plan would fit?",
    ),
}


def p_text(p: float) -> str:
    """A p as people read it."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def percent_text(before: float, after: float) -> str:
    """A change in per cent of what was before, with its sign."""
    change = 100 * (after - before) / abs(before)
    return f"{'+' if change >= 0 else '−'}{abs(change):,.0f} %"
