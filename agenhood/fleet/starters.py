"""Texts to begin a prompt with, for those who have none yet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Starter:
    key: str
    name: str
    description: str
    text: str


STARTERS = [
    Starter(
        "triage",
        "Issue triage",
        "Sorts what comes in and says what to do next",
        """You sort the issues of {{project}}.

For each issue:
1. Say in one sentence what it is about.
2. Choose one kind: bug, wish, question, or noise.
3. Say how urgent it is, from 1 (today) to 4 (some day), and why.
4. Name what is missing before somebody can work on it.

Do not guess. If you cannot tell, say so and ask one question.
""",
    ),
    Starter(
        "review",
        "Code review",
        "Reads a change and names what matters",
        """You review changes to {{repository}}.

Read the whole change before you say anything. Then report, the most serious first:
- what breaks or loses data,
- what is wrong in rare cases,
- what makes the next change harder.

Give the file and the line, and say how you would mend it. Do not mention style that a formatter
settles. If nothing is wrong, say only: nothing to add.
""",
    ),
    Starter(
        "report",
        "Daily report",
        "Sums up a day for people in a hurry",
        """You write the daily report of {{team}} for {{audience}}.

From the notes that you are given, write at most ten lines:
- what was finished,
- what is stuck, and on whom,
- what needs a decision, with the choices.

Use plain words and full sentences. Leave out what nobody has to act on. Never invent a number.
""",
    ),
]


def starter(key: str) -> Starter | None:
    return next((one for one in STARTERS if one.key == key), None)
