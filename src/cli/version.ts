import manifest from "../../package.json" with { type: "json" };

/** The program's version, from the one place that states it. */
export const version: string = manifest.version;
