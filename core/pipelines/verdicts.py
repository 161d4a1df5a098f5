"""What an audit says of methods, in words, never surer than the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nextlabel.core.curves.comparison import Comparison
from nextlabel.core.kinds.audit import AuditArm, BoxAuditArm, Verdict, VerdictOfAll

WORTH_HAVING = 0.01  # of the score, on average over the rounds
CHOSEN = "the labelled images are not a random sample of the pool, and among chosen images chance chooses well, too"


@dataclass(frozen=True)
class Words:
    """score: what is compared; reached: the same, where it is reached. things: what is counted."""

    score: str
    reached: str
    things: str


OF_CLASSES = Words("macro F1", "F1", "labels")
OF_BOXES = Words("mAP@50", "mAP@50", "boxes")


def verdict_of(name: str, found: Comparison, at_random: bool) -> Verdict:
    """Say what the interval of a gain does: nothing where it holds both no gain and one that is worth having.

    at_random: whether the labelled images may be a random sample of the pool.
    """
    low, high = found.gain_interval
    if name == "random":
        return "no better"
    if not at_random:
        return "unsure"
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "no better" if high < WORTH_HAVING else "unsure"


def sentence_of(name: str, verdict: Verdict, found: Comparison, things: int, score: float, words: Words) -> str:
    """Say what a method is worth. score: what random choice has in the end, with so many labels or boxes."""
    if name == "random":
        article = "an" if words is OF_BOXES else "a"
        return f"random has {article} {words.score} of {score:.3f} with {things} {words.things}"
    if verdict == "no better":
        return f"{name} is no better than random here"
    if verdict == "unsure":
        gain, (low, high) = found.gain, found.gain_interval
        interval = f"its gain in {words.score} is {gain:+.3f} ({low:+.3f} to {high:+.3f})"
        return f"whether {name} is better than random can't be told with these labels: {interval}"
    if verdict == "worse":
        return f"{name} is worse than random here: {-found.gain:.3f} of {words.score} on average"
    gained = f"{found.gain:.3f} of {words.score} on average over the rounds"
    if found.saved is None or found.saved_interval is None or found.saved <= 0:
        return f"{name} gains {gained}, and ends no higher than random"
    low, high = (round(100 * end) for end in found.saved_interval)
    return (
        f"{name} reaches the {words.reached} of {things} random {words.things} ({score:.3f}) with {found.saved:.0%} "
        f"fewer (95 %: {low} to {high}), and gains {gained}"
    )


def verdict_of_all(arms: Sequence[AuditArm] | Sequence[BoxAuditArm], at_random: bool) -> VerdictOfAll:
    """Say whether any of the methods is better than chance."""
    if not at_random:
        return "not random"
    verdicts = {arm.verdict for arm in arms}
    return "better" if "better" in verdicts else "unsure" if "unsure" in verdicts else "no better"


def summary_of(arms: Sequence[AuditArm] | Sequence[BoxAuditArm], verdict: VerdictOfAll, words: Words) -> str:
    """Say what all of the methods are worth."""
    if verdict == "not random":
        return f"On your labels, whether these methods are better than random can't be told: {CHOSEN}."
    if verdict == "unsure":
        unsure = (arm.gain_interval for arm in arms if arm.verdict == "unsure")
        low, high = max(unsure, key=lambda interval: interval[1])
        return (
            f"On your labels, whether these methods are better than random can't be told: the gain in {words.score} "
            f"may be anything from {low:+.3f} to {high:+.3f}. More labels, or more repeats, tell more."
        )
    if verdict == "no better":
        return "On your labels, none of these methods is better than random; chance is as good, and free."
    best = max((arm for arm in arms if arm.verdict == "better"), key=lambda arm: arm.gain)
    return f"On your labels, {best.sentence}."
