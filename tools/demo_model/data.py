"""Training batches: pictures cut into tiles, what stands in each patch, and packed conversations in the chat layout."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tokenizers import Tokenizer

import shape
from tiles import cut
from world.conversation import Conversation
from world.draw import render
from world.fonts import character_spans
from world.pairs import pair_conversations
from world.palette import COLORS
from world.questions import conversations
from world.scene import Scene, sample_crowd, sample_repeats, sample_scene, sample_small_number
from world.shapes import SHAPES
from world.talk import talk

ROW = 192  # tokens of a packed row
NOTHING, NUMBER, WORD = 0, 1 + len(SHAPES), 2 + len(SHAPES)
SIZES = ("small", "large")
COUNTS = len(SHAPES) + len(COLORS) + 1
CROWDED = 0.8  # share of crowded pictures while the vision tower is trained alone
REPEATS, SMALL = 0.3, 0.12  # shares of two kinds of rare pictures among those that questions are asked about
FRESH, LEAST_KEPT, MOST_KEPT = 0.7, 500, 6000  # share of new pictures in a batch, and how many old ones wait
CHARACTERS = 8  # of a number or word that a patch is asked for
HALVES = (0.25, 0.75)  # where in a patch it is asked which character stands there
READS = 5 + CHARACTERS + len(HALVES)  # what is asked of a patch


@dataclass(frozen=True, slots=True)
class Picture:
    """A scene, cut into tiles, and what its patches show."""

    scene: Scene
    tiles: np.ndarray
    aspect_id: np.int64
    patches: np.ndarray
    counts: np.ndarray


@dataclass
class Batch:
    """Groups are pictures, or pairs of pictures; every group has the same number of rows.

    `tiles` u8 [groups * pictures, MAX_TILES, 3, TILE, TILE]; `aspect_ids` i64 [groups * pictures]; `ids`, `positions`,
    `segments` i64 [groups * rows, ROW]; `targets` i64, -100 where nothing is asked; `shown` i64, which pictures of the
    group a token may see, one bit each; `patches` i64 [groups * pictures, MAX_TILES * GRID * GRID, READS]:
    thing, color, size, row and column of the grid, characters of the whole text, characters in its two halves, -100
    where there is none; `counts` i64
    [groups * pictures, COUNTS]: how many there are of each shape and color, and shapes in all.
    """

    tiles: Tensor
    aspect_ids: Tensor
    ids: Tensor
    positions: Tensor
    segments: Tensor
    targets: Tensor
    shown: Tensor
    patches: Tensor
    counts: Tensor


# ------------------------------------------------------------------------------------------------ conversations
class Chat:
    """Turns conversations into token ids, in the layout of `chat_template.jinja`."""

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer

    def text(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def header(self, role: str) -> list[int]:
        return [shape.START_HEADER, *self.text(role), shape.END_HEADER, *self.text("\n\n")]

    def prompt(self, conversation: Conversation, turns: int) -> list[int]:
        """Ids up to where answer `turns - 1` begins."""
        return self.encode(conversation, turns)[0]

    def encode(self, conversation: Conversation, turns: int | None = None) -> tuple[list[int], list[int]]:
        """(ids, targets): a target is the next id where the model has to say it, else -100. With `turns`, the ids end
        where that turn's answer begins."""
        ids, targets = [shape.BOS], [-100]

        def add(new: list[int], learned: bool) -> None:
            ids.extend(new)
            targets.extend(new if learned else [-100] * len(new))

        if conversation.system:
            add([*self.header("system"), *self.text(conversation.system), shape.END_OF_TURN], False)
        last = len(conversation.turns) if turns is None else turns
        for index, turn in enumerate(conversation.turns[:last]):
            question = [shape.IMAGE_TOKEN] * turn.images + self.text(turn.question)
            add([*self.header("user"), *question, shape.END_OF_TURN, *self.header("assistant")], False)
            if turns is None or index < last - 1:
                add([*self.text(turn.answer), shape.END_OF_TURN], True)
        return ids, [*targets[1:], -100]


def messages(conversation: Conversation) -> list[dict]:
    """The conversation as chat templates take it."""
    out = [{"role": "system", "content": conversation.system}] if conversation.system else []
    for turn in conversation.turns:
        parts = [{"type": "image"}] * turn.images + [{"type": "text", "text": turn.question}]
        out += [{"role": "user", "content": parts}, {"role": "assistant", "content": turn.answer}]
    return out


def pictures_shown(ids: list[int]) -> list[int]:
    """For every token the set of pictures it may see, as bits: those of the last run of image tokens, the run's own
    tokens seeing what came before them in it (mllama: get_cross_attention_token_mask)."""
    shown, current, picture = [], 0, 0
    for before, token in zip([-1, *ids], ids):
        if token == shape.IMAGE_TOKEN:
            current = (current if before == shape.IMAGE_TOKEN else 0) | 1 << picture
            picture += 1
        shown.append(current)
    return shown


def pack(chat: Chat, talks: list[Conversation], rows: int) -> list[np.ndarray]:
    """ids, positions, segments, targets, shown, each i64 [rows, ROW]. Conversations that no longer fit are left out."""
    ids, positions, segments, targets, shown = (np.full((rows, ROW), f, np.int64) for f in (shape.PAD, 0, 0, -100, 0))
    used = [0] * rows
    for number, conversation in enumerate(talks, 1):
        tokens, wanted = chat.encode(conversation)
        row = next((r for r in range(rows) if used[r] + len(tokens) <= ROW), None)
        if row is None:
            continue
        place = slice(used[row], used[row] + len(tokens))
        ids[row, place], targets[row, place], segments[row, place] = tokens, wanted, number
        positions[row, place], shown[row, place] = np.arange(len(tokens)), pictures_shown(tokens)
        used[row] += len(tokens)
    return [ids, positions, segments, targets, shown]


# ------------------------------------------------------------------------------------------------ pictures
def patch_targets(scene: Scene, aspect_id: int, extent: tuple[float, float]) -> np.ndarray:
    """i64 [MAX_TILES * GRID * GRID, READS]: what the patch shows. A patch shows a thing when the thing's box
    covers a good part of it, or has its centre there."""
    rows, columns = shape.ARRANGEMENTS[aspect_id - 1]
    out = np.full((rows * shape.GRID, columns * shape.GRID, READS), -100, np.int64)
    out[:, :, 0] = NOTHING
    width, height = extent[0] * shape.GRID, extent[1] * shape.GRID  # of the picture on the canvas, in patches
    ys, xs = np.arange(out.shape[0])[:, None], np.arange(out.shape[1])[None]
    for thing in scene.things:
        x0, y0, x1, y1 = thing.box[0] * width, thing.box[1] * height, thing.box[2] * width, thing.box[3] * height
        across = np.clip(np.minimum(xs + 1, x1) - np.maximum(xs, x0), 0, None)
        down = np.clip(np.minimum(ys + 1, y1) - np.maximum(ys, y0), 0, None)
        covered = across * down >= 0.3
        covered[min(int((y0 + y1) / 2), out.shape[0] - 1), min(int((x0 + x1) / 2), out.shape[1] - 1)] = True
        kind = {"number": NUMBER, "word": WORD}.get(thing.kind) or 1 + SHAPES.index(thing.shape)
        size = SIZES.index(thing.size) if thing.size in SIZES else -100
        values = [kind, COLORS.index(thing.color), size, thing.row, thing.col]
        letters = [character_class(c) for c in thing.text or ""]
        values += ((letters + [0] * CHARACTERS)[:CHARACTERS]) if letters else [-100] * CHARACTERS
        out[covered] = [*values, *[-100] * len(HALVES)]
        if letters:
            spans = np.array(character_spans(thing.look.face, thing.text)) * (x1 - x0) + x0
            middle = np.broadcast_to((down >= 0.5) | (ys == int((y0 + y1) / 2)), covered.shape)
            for place, half in enumerate(HALVES, 5 + CHARACTERS):
                # Class 0, for a half that the text leaves free, is told on the text's own lines only.
                there = (spans[:, 0] <= xs[..., None] + half) & (xs[..., None] + half < spans[:, 1])
                found = np.where(there.any(-1), np.array(letters)[there.argmax(-1)], 0)
                asked = covered & middle
                out[..., place][asked] = np.broadcast_to(found, covered.shape)[asked]
    tiles = out.reshape(rows, shape.GRID, columns, shape.GRID, -1).transpose(0, 2, 1, 3, 4).reshape(rows * columns, -1, READS)
    padded = np.full((shape.MAX_TILES, *tiles.shape[1:]), -100, np.int64)
    padded[: rows * columns] = tiles
    return padded.reshape(-1, READS)


def count_targets(scene: Scene) -> np.ndarray:
    """i64 [COUNTS]; numbers and words are not counted."""
    shapes = [thing for thing in scene.things if thing.kind == "shape"]
    by_shape = [sum(t.shape == name for t in shapes) for name in SHAPES]
    by_color = [sum(t.color == name for t in shapes) for name in COLORS]
    return np.array([*by_shape, *by_color, len(shapes)])


def character_class(character: str) -> int:
    """1..10 for digits, 11..36 for letters; 0 means that there is none."""
    return 1 + int(character) if character.isdigit() else 11 + ord(character) - ord("A")


class Batches(torch.utils.data.IterableDataset):
    """An endless stream of batches. Picture seeds are counted up from `first`. A `look_share` of the batches, and all with
    `rows` 0, has no conversations but crowded pictures; a `pair_share` of the others has two pictures per conversation."""

    def __init__(self, tokenizer_file: str, first: int, groups: int, rows: int, level: float, pair_share: float, look_share: float):
        self.tokenizer_file, self.next_seed, self.groups, self.rows = tokenizer_file, first, groups, rows
        self.level, self.pair_share, self.look_share = level, pair_share, look_share
        self.drawn: dict[bool, list[Picture]] = {False: [], True: []}

    def __iter__(self):
        chat = Chat(Tokenizer.from_file(self.tokenizer_file)) if self.rows else None
        rng = random.Random(f"batches {self.next_seed}")
        while True:
            yield self.batch(chat if rng.random() >= self.look_share else None, rng)

    def batch(self, chat: Chat | None, rng: random.Random) -> Batch:
        paired = chat is not None and rng.random() < self.pair_share
        # A pair brings two pictures for its rows, so half as many groups cost the same.
        groups, per_group = (self.groups // 2, 2) if paired else (self.groups, 1)
        rows = self.rows * (2 if paired else 1)
        pictures = [self.picture(rng, chat is None) for _ in range(groups * per_group)]
        columns = [torch.zeros(0, ROW, dtype=torch.long)] * 5
        if chat is not None:
            texts = []
            for group in range(0, len(pictures), per_group):
                scenes = [p.scene for p in pictures[group : group + per_group]]
                wanted = 7 * rows
                talks = pair_conversations(rng, *scenes, wanted) if paired else conversations(rng, scenes[0], wanted)
                if rng.random() < 0.35:
                    talks.insert(0, talk(rng))
                texts.append(pack(chat, talks, rows))
            columns = [torch.from_numpy(np.concatenate(c)) for c in zip(*texts)]
        stacks = (np.stack([getattr(p, name) for p in pictures]) for name in ("tiles", "aspect_id", "patches", "counts"))
        tiles, aspects, patches, counts = map(torch.from_numpy, stacks)
        return Batch(tiles, aspects, *columns, patches, counts)

    def picture(self, rng: random.Random, look_only: bool) -> Picture:
        """A new picture, or one that was drawn before: drawing takes half as long as learning from it."""
        drawn = self.drawn[look_only]
        if len(drawn) >= LEAST_KEPT and rng.random() > FRESH:
            return rng.choice(drawn)
        scene = self._sampler(rng, look_only)(self.next_seed, self.level)
        self.next_seed += 1
        tiles, aspect_id, extent = cut(render(scene))
        targets = patch_targets(scene, aspect_id, extent), count_targets(scene)
        picture = Picture(scene, tiles, np.int64(aspect_id), *targets)
        if len(drawn) < MOST_KEPT:
            drawn.append(picture)
        else:
            drawn[rng.randrange(MOST_KEPT)] = picture
        return picture

    @staticmethod
    def _sampler(rng: random.Random, look_only: bool) -> Callable[[int, float], Scene]:
        if look_only:
            return sample_crowd if rng.random() < CROWDED else sample_scene
        samplers = sample_repeats, sample_small_number, sample_scene
        return rng.choices(samplers, (REPEATS, SMALL, 1 - REPEATS - SMALL))[0]
