"""What the questions produce: conversations made of turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .scene import Thing


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and the one right answer. `images` pictures are put in front of the question."""

    images: int
    question: str
    answer: str
    kind: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns in order, after an optional system message."""

    turns: tuple[Turn, ...]
    system: str | None = None


class Asked(NamedTuple):
    """A question, its answer, and the thing that "it" would mean right after."""

    question: str
    answer: str
    topic: Thing | None = None
