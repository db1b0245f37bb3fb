import type { Environment } from "../base/environment.ts";
import { escapeLine } from "../base/escape.ts";
import { nearest } from "../base/nearest.ts";
import { environmentNames, type Setting, settings } from "./options.ts";

/** Variables that are no settings: one is read where the Vulkan loader is opened, the others by the tests. */
const otherVariables = [
  "LLAMAV_VULKAN_LOADER",
  "LLAMAV_FAULTS",
  "LLAMAV_FUZZ",
  "LLAMAV_FUZZ_URL",
  "LLAMAV_GOLDENS",
  "LLAMAV_GRAMMAR_ANSWERS",
  "LLAMAV_LLAMA3_TOKENIZER",
  "LLAMAV_PYTHON_CLIENT",
  "LLAMAV_SCHEDULES",
  "LLAMAV_SCHEMAS",
];

/** What Kubernetes gives every pod beside a service that is called llamav, or llamav-something. */
const serviceLink = /^LLAMAV_(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)$/;

const mostTold = 5;

/** Every variable that something reads. */
export function knownVariables(): Set<string> {
  return new Set([...Object.values<Setting>(settings).flatMap(environmentNames), ...otherVariables]);
}

/** One sentence for each variable that is called like one of ours and that nothing reads: a slip would be silent. */
export function unknownVariables(env: Environment): string[] {
  const called = Object.keys(env).filter((name) => /^LLAMAV_./.test(name) && env[name] !== "");
  const known = knownVariables();
  const unknown = called.filter((name) => !known.has(name) && !serviceLink.test(name));
  return unknown.slice(0, mostTold).map((name) => {
    const meant = nearest(
      name.slice("LLAMAV_".length),
      [...known].map((other) => other.slice("LLAMAV_".length)),
    );
    const advice = meant === undefined
      ? "llamav config --json lists those that are"
      : `did you mean LLAMAV_${meant}?`;
    return `the variable ${escapeLine(name).slice(0, 120)} has no effect; ${advice}`;
  });
}
