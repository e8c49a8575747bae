import config from "../deno.json" with { type: "json" };

/** This module's version. */
export const VERSION: string = config.version;
