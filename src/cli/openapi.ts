import type { Command } from "commander";
import type { CliContext } from "./context.ts";
import { version } from "./version.ts";

/** `llamav openapi`: the description of the API, without a server. */
export function addOpenApi(program: Command, context: CliContext): void {
  program.command("openapi").summary("print the OpenAPI description of the server")
    .description("Prints what a server answers to GET /openapi.json: its routes, requests and answers.")
    .action(async () => {
      const { openApiDocument } = await import("../http/openapi.ts");
      await context.terminal.print(`${JSON.stringify(openApiDocument(version), null, 2)}\n`);
    });
}
