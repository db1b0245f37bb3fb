import type { Setting } from "./options.ts";

/** What `llamav chat` can be told beside the model and how it answers. A part of the table in options.ts. */
export const chatSettings = {
  history: {
    kind: "switch",
    flag: "--history",
    help: "keep what is typed and said for later; --no-history keeps nothing on the disk",
    otherwise: "yes",
  },
  plain: {
    kind: "switch",
    flag: "--plain",
    help: "show answers as they come, without headings, tables or colours, and no thumbnails",
  },
} as const satisfies Record<string, Setting>;
