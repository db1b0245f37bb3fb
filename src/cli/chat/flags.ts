import type { SettingValues } from "../../runtime/options.ts";
import type { Terminal } from "../terminal.ts";
import { parameterSettings } from "./parameters.ts";

/** The settings of a conversation. */
export const chatFlags = [
  ...parameterSettings,
  "system",
  "image",
  "device",
  "contextLength",
  "imageTiles",
  "maxTiles",
  "warmUp",
  "verbose",
  "history",
  "plain",
  "yes",
] as const;

export type ChatValues = SettingValues<typeof chatFlags[number]>;

/** Whether somebody sits before a terminal in which a conversation can take place. */
export function hasScreen({ streams }: Terminal): boolean {
  return streams.stdin.isTTY === true && streams.stdout.isTTY === true;
}
