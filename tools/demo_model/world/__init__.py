"""A small world of pictures: shapes, numbers and words, and the questions one can ask about them."""

from .conversation import Conversation, Turn
from .draw import render
from .pairs import pair_conversations
from .questions import conversations
from .scene import Scene, Thing, sample_scene
from .talk import talk

__all__ = [
    "Conversation", "Scene", "Thing", "Turn", "conversations", "pair_conversations", "render", "sample_scene", "talk",
]
