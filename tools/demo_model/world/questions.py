"""Conversations about one picture."""

from __future__ import annotations

import random

from .ask_any import sample_later_turns, sample_turn
from .conversation import Conversation
from .scene import Scene
from .talk import sample_goodbye, sample_greeting, sample_off_topic, sample_system

_SEVERAL_TURNS = 0.2
_OFF_TOPIC = 0.015
_GREETING = 0.015


def conversations(rng: random.Random, scene: Scene, count: int) -> list[Conversation]:
    """`count` conversations about the scene, one in five of them with two to four turns.

    The picture comes with the first turn, or with the second after a greeting. The conversations begin
    with different questions as far as the scene has them.
    """
    made: list[Conversation] = []
    seen: set[str] = set()
    for _ in range(count):
        conversation = _sample_conversation(rng, scene)
        for _ in range(4):
            if conversation.turns[0].question not in seen:
                break
            conversation = _sample_conversation(rng, scene)
        seen.add(conversation.turns[0].question)
        made.append(conversation)
    return made


def _sample_conversation(rng: random.Random, scene: Scene) -> Conversation:
    if rng.random() < _OFF_TOPIC:
        return Conversation((sample_off_topic(rng, images=1),), sample_system(rng))
    turn, topic = sample_turn(rng, scene, images=1)
    turns = [turn]
    if rng.random() < _GREETING:
        turns.insert(0, sample_greeting(rng))
    if rng.random() < _SEVERAL_TURNS:
        more = rng.choices((1, 2, 3), (5, 3, 2))[0]
        turns += sample_later_turns(rng, scene, topic, more, turn.answer)
        if rng.random() < 0.1:
            turns.append(sample_goodbye(rng))
    return Conversation(tuple(turns), sample_system(rng))
