import type { Environment } from "../base/environment.ts";
import { escapeLine } from "../base/escape.ts";
import { nearest } from "../base/nearest.ts";
import { environmentNames, type Setting, settings } from "./options.ts";

/** Read where the Vulkan loader is opened. */
const loaderVariable = "LLAMAV_VULKAN_LOADER";

/** Read by the tests: nobody else is advised to use them. */
const testVariables = [
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
const serviceLink = /^LLAMAV_(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)$/;

/** The one of them that others may have, too: with an address as a value it is Kubernetes'. */
const servicePort = /^LLAMAV_(\w+_)?PORT$/;

const mostTold = 5;

/** Every variable that something reads. */
export function knownVariables(): Set<string> {
  return new Set([...usersVariables(), ...testVariables]);
}

/** Those that a person who runs the program may want to set. */
function usersVariables(): string[] {
  return [...Object.values<Setting>(settings).flatMap(environmentNames), loaderVariable];
}

/** Whether a variable's value is the address of a service, as Kubernetes gives it to pods. */
export function isServiceAddress(value: string): boolean {
  return /^(tcp|udp|sctp):\/\//.test(value);
}

function isServiceLink(name: string, value: string): boolean {
  return serviceLink.test(name) || (servicePort.test(name) && isServiceAddress(value));
}

/** One sentence for each variable that is called like one of ours and that nothing reads: a slip would be silent. */
export function unknownVariables(env: Environment): string[] {
  const called = Object.keys(env).filter((name) => /^LLAMAV_./.test(name) && env[name] !== "");
  const known = knownVariables();
  const unknown = called.filter((name) => !known.has(name) && !isServiceLink(name, env[name]!));
  return unknown.slice(0, mostTold).map((name) => {
    const meant = nearest(
      name.slice("LLAMAV_".length),
      usersVariables().map((other) => other.slice("LLAMAV_".length)),
    );
    const advice = meant === undefined
      ? "llamav config --json lists those that are"
      : `did you mean LLAMAV_${meant}?`;
    return `the variable ${escapeLine(name).slice(0, 120)} has no effect; ${advice}`;
  });
}
