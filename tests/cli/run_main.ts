import process from "node:process";
import { main } from "../../src/cli/main.ts";

/** What a command printed, and its exit status. */
export interface CommandResult {
  status: number;
  /** Standard output. */
  output: string;
  /** Lines on standard error. */
  errors: string[];
}

/** Runs the command line in this process. */
export async function runMain(...args: string[]): Promise<CommandResult> {
  const output: string[] = [];
  const errors: string[] = [];
  const { log, error } = console;
  const { write } = process.stdout;
  const { write: writeError } = process.stderr;
  console.log = (...values) => void output.push(values.join(" "));
  console.error = (...values) => void errors.push(values.join(" "));
  // commander prints help and its own errors there.
  process.stdout.write = (text: string | Uint8Array) => {
    output.push(String(text));
    return true;
  };
  process.stderr.write = (text: string | Uint8Array) => {
    errors.push(String(text).trimEnd());
    return true;
  };
  try {
    const status = await main(args);
    return {
      status,
      output: output.join("\n"),
      errors: errors.flatMap((text) => text.split("\n")),
    };
  } finally {
    Object.assign(console, { log, error });
    process.stdout.write = write;
    process.stderr.write = writeError;
  }
}
