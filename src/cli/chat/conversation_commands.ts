import { UsageError } from "../exit_codes.ts";
import type { Chat } from "./chat.ts";
import { writeClipboardText } from "./clipboard.ts";
import type { ChatCommand } from "./commands.ts";
import { openNamedPicture } from "./pictures.ts";
import { describeTiles, pictureShortage, tilesOf } from "./room.ts";
import { newSession, picturesOf, removePicture, takeLastQuestion } from "./session.ts";

/** What changes what was said, or what is said next. */
export const conversationCommands: readonly ChatCommand[] = [
  {
    name: "image",
    usage: "FILE|URL|clipboard",
    help: "add a picture to the next message",
    completesPath: true,
    candidates: () => ["clipboard"],
    async run(chat, argument) {
      if (argument === "") throw new UsageError("/image needs a picture", "Name a file, a URL, or clipboard");
      const { context, openPicture, view } = chat.parts;
      const opened = await view.interruptibly((signal) =>
        openNamedPicture(argument, openPicture, context, signal)
      );
      await chat.attach([opened]);
    },
  },
  {
    name: "images",
    help: "list the pictures of the conversation, and how many tiles they take",
    run: listPictures,
  },
  {
    name: "detach",
    usage: "N",
    help: "remove picture N from the conversation",
    run: detach,
  },
  {
    name: "system",
    usage: "[TEXT]",
    help: 'say how the model should behave; "" says nothing',
    run: setSystem,
  },
  {
    name: "retry",
    help: "answer the last question again, or send the message that was not",
    async run(chat) {
      if (chat.unsent !== undefined) return await chat.say(chat.unsent);
      const { session, question } = lastQuestion(chat);
      // After a change of the model there may be less room.
      const { session: before, pending } = chat;
      const shortage = await pictureShortage({ session: before, pending: [], runtime: chat.runtime });
      if (shortage !== undefined) throw shortage;
      chat.session = session;
      try {
        await chat.ask(question);
      } finally {
        // Without a new answer the old one stays, on the disk as well.
        if (chat.session === session) {
          chat.session = before;
          chat.unsent = undefined;
          chat.save();
        }
        // They wait for the next message, which this was not.
        chat.pending = pending;
      }
    },
  },
  {
    name: "edit",
    help: "change the last question, or the message that was not sent, and ask again",
    run(chat) {
      if (chat.unsent !== undefined) {
        chat.draft = chat.unsent;
        return;
      }
      const { session, question } = lastQuestion(chat);
      chat.draft = {
        text: question.text,
        instead: { at: session.turns.length, pictures: question.pictures },
      };
    },
  },
  {
    name: "undo",
    help: "take back the last question and its answer",
    run(chat) {
      chat.session = lastQuestion(chat).session;
      chat.save();
      const count = chat.session.turns.length;
      chat.note(count === 0 ? "The conversation is empty now" : `The conversation has ${count} messages now`);
    },
  },
  {
    name: "clear",
    help: "begin a new conversation; this one is kept",
    run(chat) {
      chat.open(newSession(chat.session));
      chat.note("A new conversation");
    },
  },
  {
    name: "copy",
    help: "put the last answer into the clipboard",
    run(chat) {
      const answer = chat.session.turns.findLast(({ role }) => role === "assistant");
      if (answer === undefined) throw new UsageError("There is no answer to copy");
      const copied = writeClipboardText(answer.text) || chat.parts.view.copyThroughTerminal(answer.text);
      if (!copied) throw new UsageError("There is no program that copies", "Install wl-copy, xclip or xsel");
      chat.note("Copied the last answer");
    },
  },
];

async function listPictures({ session, pictures, runtime: { model }, parts }: Chat): Promise<void> {
  if (pictures.length === 0) return parts.view.note("There are no pictures");
  const asked = picturesOf(session).length;
  const tiles = await tilesOf(pictures, model);
  const lines = pictures.map((picture, index) =>
    `${index + 1}  ${describeTiles(picture, tiles[index]!)}${index < asked ? "" : ", for the next message"}`
  );
  const sum = tiles.reduce((sum, count) => sum + count, 0);
  parts.view.note([...lines, `in all  ${sum} of ${model.imageTiles} tiles`].join("\n"));
}

/** `/system`, and `/set system` as other programs have it. */
export function setSystem(chat: Chat, argument: string): void {
  if (argument === "") {
    const { session, parts: { view } } = chat;
    return session.system === undefined ? view.note("There is no system message") : view.show(session.system);
  }
  const system = argument.replace(/^"([^]*)"$/, "$1");
  chat.session = { ...chat.session, system: system === "" ? undefined : system };
  chat.save();
  chat.note(system === "" ? "The system message is gone" : "The system message holds from now on");
}

function lastQuestion(chat: Chat) {
  const last = takeLastQuestion(chat.session);
  if (last === undefined) throw new UsageError("There is no question yet");
  return last;
}

function detach(chat: Chat, argument: string): void {
  const asked = picturesOf(chat.session);
  const all = [...asked, ...chat.pending];
  const number = /^\d+$/.test(argument) ? Number(argument) : 0;
  const picture = all[number - 1];
  if (picture === undefined) {
    throw new UsageError(
      all.length === 0 ? "There are no pictures" : `/detach needs a number from 1 to ${all.length}`,
      "/images lists them",
    );
  }
  if (number <= asked.length) {
    chat.session = removePicture(chat.session, number - 1);
    chat.save();
  } else {
    chat.pending = chat.pending.toSpliced(number - 1 - asked.length, 1);
  }
  chat.note(`Removed ${picture.name}`);
}
