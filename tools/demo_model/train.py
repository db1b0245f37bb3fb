"""Trains the demo model. Stops and goes on at any time: the newest checkpoint of OUT is taken up.

    python train.py OUT --minutes 90            train, at a steady rate
    python train.py OUT --minutes 20 --finish   let the rate fall to nothing, for the weights that are exported

Two losses: the words of the answers, and, for the vision tower, what stands in each patch (kind, color, size and
characters, read by linear heads that are thrown away). Without the second, learning to see from the answers alone
takes many times longer.
"""

import argparse
import json
import random
import signal
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

import shape
from data import CHARACTERS, COUNTS, HALVES, WORD, Batch, Batches, pictures_shown
from model import DemoModel
from world.palette import COLORS

SEEDS_PER_RUN = 10_000_000  # of training pictures; evaluation seeds start far above (evaluate.py)
WARM_UP = 30
LOOK_WEIGHT = 0.4  # of what the patches show, beside the answers
EMPTY_WEIGHT = 0.15  # most patches show nothing
COUNT_WEIGHT, MOST_COUNTED = 2.0, 10
# Thing, color, size, row and column; the text's characters: numbers have three, words up to eight; those in the patch.
READ_WEIGHTS = (1.0, 1.0, 1.0, 0.5, 0.5, 0.6, 0.6, 0.6, 0.2, 0.2, 0.2, 0.2, 0.2, 1.0, 1.0)
MUON_RATE, ADAM_RATE, SLOW_RATE, PATCH_RATE = 0.012, 2e-3, 5e-4, 1e-5
RATES = (MUON_RATE, ADAM_RATE, SLOW_RATE, PATCH_RATE)


class Readers(nn.Module):
    """Linear readers of cross-attention states: what each patch shows, and how many of everything there are, which the
    first class token has to know. Only training has them."""

    names = ("thing", "color", "size", "row", "column", "first", "second", "third", *[""] * (CHARACTERS - 3), "left", "right")

    def __init__(self):
        super().__init__()
        self.sizes = [WORD + 1, len(COLORS), 2, 3, 3, *[37] * (CHARACTERS + len(HALVES))]
        self.read = nn.Linear(shape.TEXT["hidden"], sum(self.sizes))
        self.count = nn.Linear(shape.TEXT["hidden"], COUNTS * MOST_COUNTED)

    def forward(self, states: Tensor, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        tokens = states.view(len(states), shape.MAX_TILES, shape.TILE_TOKENS, -1)
        counts = self.count(tokens[:, 0, 0]).float().view(-1, MOST_COUNTED)
        truth = batch.counts.flatten()
        loss, seen = COUNT_WEIGHT * F.cross_entropy(counts, truth), {"count": _share(counts, truth, truth > 0)}
        wanted = batch.patches.flatten(0, 1)
        real = wanted[:, 0] >= 0
        logits = self.read(tokens[:, :, 1:].flatten(0, 2)[real]).float().split(self.sizes, -1)
        for index, (guess, truth) in enumerate(zip(logits, wanted[real].unbind(-1))):
            asked = truth >= 0
            if not asked.any():
                continue
            balance = torch.ones(self.sizes[index])
            balance[0] = EMPTY_WEIGHT if index == 0 else 1.0
            loss = loss + F.cross_entropy(guess[asked], truth[asked], balance) * READ_WEIGHTS[index]
            if self.names[index]:  # empty patches and empty places are easy: count the others
                told = truth > 0 if index == 0 or index > 4 else asked
                seen[self.names[index]] = _share(guess, truth, told)
        return loss, seen


def _share(guess: Tensor, truth: Tensor, among: Tensor) -> float:
    return ((guess.argmax(-1) == truth) & among).sum().item() / max(1, among.sum().item())


def forward(model: DemoModel, heads: Readers, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """The summed loss, and what to print about it."""
    states = model.see(normalise(model, batch.tiles, batch.aspect_ids), batch.aspect_ids)
    loss, numbers = heads(states, batch)
    numbers["patch_loss"] = loss.item()
    if len(batch.ids):
        groups, pictures = _grouping(batch)
        states = states.view(groups, pictures, -1, states.shape[-1])
        seen = visible(batch.shown.view(groups, -1), model.model.vision_model.used_slots[batch.aspect_ids], pictures)
        hidden = model.model.language_model(batch.ids, batch.positions, batch.segments, states, seen)
        said = batch.targets >= 0
        logits, truth = model.lm_head(hidden[said]).float(), batch.targets[said]
        answer_loss = F.cross_entropy(logits, truth)
        numbers |= {"answer_loss": answer_loss.item(), "tokens_right": (logits.argmax(-1) == truth).float().mean().item()}
        loss = LOOK_WEIGHT * loss + answer_loss
    return loss, numbers


def forward_answers(model: DemoModel, ids: list[list[int]], tiles: np.ndarray, aspect_id: int) -> Tensor:
    """Logits f32 [conversations, length, vocabulary] of conversations of one length about one picture."""
    aspect_ids = torch.tensor([aspect_id])
    states = model.see(normalise(model, torch.from_numpy(tiles)[None], aspect_ids), aspect_ids)[None]
    rows = torch.tensor(ids)
    shown = torch.tensor([pictures_shown(r) for r in ids])
    seen = visible(shown.view(1, -1), model.model.vision_model.used_slots[aspect_ids], 1)
    positions = torch.arange(rows.shape[1]).expand_as(rows)
    return model.lm_head(model.model.language_model(rows, positions, torch.ones_like(rows), states, seen))


def _grouping(batch: Batch) -> tuple[int, int]:
    pictures = 2 if bool((batch.shown > 1).any()) else 1
    return len(batch.tiles) // pictures, pictures


def normalise(model: DemoModel, tiles: Tensor, aspect_ids: Tensor) -> Tensor:
    """u8 tiles -> f32; tiles that an arrangement does not have become zero."""
    mean, spread = (torch.tensor(v).view(3, 1, 1) for v in (shape.IMAGE_MEAN, shape.IMAGE_STD))
    return (tiles.float() / 255 - mean) / spread * model.model.vision_model.used_slots[aspect_ids][:, :, None, None, None]


def visible(shown: Tensor, real: Tensor, pictures: int) -> Tensor:
    """bool [groups, queries, pictures x tiles x tokens]: the real tiles of the pictures that a token may see.

    `shown` [groups, queries], a bit per picture; `real` [groups x pictures, MAX_TILES]."""
    seen = (shown[..., None] >> torch.arange(pictures)) & 1
    tiles = real.view(len(shown), 1, pictures, shape.MAX_TILES).bool() & seen[..., None].bool()
    return tiles[..., None].expand(*tiles.shape, shape.TILE_TOKENS).flatten(2)


class Optimizers:
    """Muon for the matrices inside, Adam for everything else; slowly where weights are small and every step tells."""

    def __init__(self, model: nn.Module, heads: nn.Module):
        groups = {"muon": [], "adam": [], "slow": [], "patch": []}
        for name, parameter in [*model.named_parameters(), *heads.named_parameters(prefix="heads")]:
            inside = parameter.dim() == 2 and (".layers." in name or "projector" in name)
            ends = parameter.dim() > 1 and name.startswith(("heads", "lm_head"))
            patch = "patch_embedding" in name
            groups["muon" if inside else "slow" if ends else "patch" if patch else "adam"].append(parameter)
        self.all = [
            torch.optim.Muon(groups["muon"], lr=MUON_RATE, momentum=0.95, weight_decay=0.01, ns_steps=5, adjust_lr_fn="original"),
            torch.optim.AdamW(groups["adam"], lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.0),
            torch.optim.AdamW(groups["slow"], lr=SLOW_RATE, betas=(0.9, 0.98), weight_decay=0.0),
            torch.optim.AdamW(groups["patch"], lr=PATCH_RATE, betas=(0.9, 0.98), weight_decay=0.0),
        ]
        self.parameters = sum(groups.values(), [])

    def step(self, rate: float) -> None:
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimizer, base in zip(self.all, RATES):
            for group in optimizer.param_groups:
                group["lr"] = base * rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)


def save(path: Path, **parts) -> None:
    """Writes beside the old file first, so that a stop in the middle costs nothing."""
    torch.save(parts, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--finish", action="store_true", help="let the learning rate fall to zero over these minutes")
    parser.add_argument("--groups", type=int, default=24, help="pictures of a batch")
    parser.add_argument("--rows", type=int, default=2, help="packed rows of conversations per picture")
    parser.add_argument("--level", type=float, default=1.0, help="how hard the pictures are, 0 to 1")
    parser.add_argument("--look-only", action="store_true", help="train the vision tower alone, without questions")
    parser.add_argument("--look", type=float, default=0.35, help="share of batches without questions")
    parser.add_argument("--pairs", type=float, default=0.12, help="share of batches with two pictures per conversation")
    parser.add_argument("--start", type=Path, help="an export to begin with where there is no checkpoint")
    parser.add_argument("--rate", type=float, default=1.0, help="factor on the learning rates")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    model, heads = DemoModel(), Readers()
    optimizers = Optimizers(model, heads)
    if options.start:
        model.load_state_dict({k: v.float() for k, v in load_file(options.start / "model.safetensors").items()})
    else:
        model.start_from(_canvases(model))
    state = {"step": 0, "pictures": 0, "next_seed": 0, "seconds": 0.0}
    newest = options.out / "checkpoint.pt"
    if newest.exists():
        kept = torch.load(newest, weights_only=True)
        model.load_state_dict(kept["model"])
        if {k: v.shape for k, v in kept["heads"].items()} == {k: v.shape for k, v in heads.state_dict().items()}:
            heads.load_state_dict(kept["heads"])
            for optimizer, old in zip(optimizers.all, kept["optimizers"]):
                optimizer.load_state_dict(old)
        state = {**state, **kept["state"]}
    run(options, model, heads, optimizers, state, newest)


def _canvases(model: DemoModel) -> Tensor:
    """Normalised tiles of some full canvases."""
    batch = Batches("", 0, 300, 0, 1.0, 0.0, 1.0).batch(None, random.Random(0))
    full = batch.aspect_ids == 1 + shape.ARRANGEMENTS.index((2, 2))
    return normalise(model, batch.tiles[full], batch.aspect_ids[full])


def run(options, model: DemoModel, heads: Readers, optimizers: Optimizers, state: dict, newest: Path) -> None:
    batches = Batches(
        str(options.out / "tokenizer.json"), state["next_seed"], options.groups, 0 if options.look_only else options.rows, options.level,
        options.pairs, options.look,
    )  # fmt: skip
    stream = iter(torch.utils.data.DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=6))
    log = (options.out / "log.jsonl").open("a")
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    start, saved, told, means, at_start = time.time(), time.time(), time.time(), {}, state["seconds"]
    first_step = state["step"]
    while (spent := time.time() - start) < options.minutes * 60 and not stopping:
        batch = next(stream)
        warm = min(1.0, (state["step"] - first_step + 1) / WARM_UP)
        rate = options.rate * warm * (1 - spent / (options.minutes * 60) if options.finish else 1)
        with torch.autocast("cpu", torch.bfloat16):
            loss, numbers = forward(model, heads, batch)
        loss.backward()
        optimizers.step(rate)
        model.keep_unused_zero()
        state["step"] += 1
        state["pictures"] += options.groups
        state["next_seed"] += options.groups  # an upper bound: some were old ones
        state["seconds"] = at_start + time.time() - start
        for name, value in numbers.items():
            means.setdefault(name, []).append(value)
        if time.time() - told > 20:
            line = {**{k: round(sum(v) / len(v), 4) for k, v in means.items()}, **state, "seconds": round(state["seconds"]), "rate": round(rate, 3)}
            log.write(json.dumps(line) + "\n")
            log.flush()
            told, means = time.time(), {}
        if time.time() - saved > 240:
            keep(newest, model, heads, optimizers, state)
            saved = time.time()
    keep(newest, model, heads, optimizers, state)


def keep(newest: Path, model, heads, optimizers: Optimizers, state: dict) -> None:
    optimizer_states = [o.state_dict() for o in optimizers.all]
    save(newest, model=model.state_dict(), heads=heads.state_dict(), optimizers=optimizer_states, state=state)


if __name__ == "__main__":
    main()
