import process from "node:process";
import { main } from "./src/cli/program.ts";

// Leaves at once: drivers keep threads of their own that would hold the process open.
process.exit(await main(process.argv.slice(2)));
