import { z } from "zod";

// Before the first schema: without it zod tries to generate code from strings, which the executable forbids itself.
z.config({ jitless: true });

export { z };
