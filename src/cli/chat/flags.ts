import type { SettingValues } from "../../runtime/options.ts";
import type { Terminal } from "../terminal.ts";
import { parameterSettings } from "./parameters.ts";

/** What `run` and `chat` have in common beside their questions: the first becomes the second without a prompt. */
export const sessionFlags = [
  "device",
  "contextLength",
  "imageTiles",
  "maxTiles",
  "warmUp",
  "checkTensors",
  "verbose",
  "history",
  "plain",
  "offline",
  "yes",
] as const;

/** The settings of a conversation. */
export const chatFlags = [...parameterSettings, "system", "image", ...sessionFlags] as const;

export type ChatValues = SettingValues<typeof chatFlags[number]>;

/** Whether somebody sits before a terminal in which a conversation can take place. */
export function hasScreen({ streams }: Terminal): boolean {
  return streams.stdin.isTTY === true && streams.stdout.isTTY === true;
}
