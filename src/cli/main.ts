/**
 * The command line: `deno task fusion [COMMAND] [key=value …]`.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import { FusionError } from "../fusion_error.ts";
import { errorCode } from "../reason.ts";
import { COMMANDS } from "./commands.ts";
import { missingPermission } from "./missing_permission.ts";
import { permissionHelp } from "./permissions.ts";

function program(): Command {
  const root = new Command("fusion")
    .description(
      "Merge fine-tuned ConvNeXt image classifiers into one multi-task model.",
    )
    .exitOverride()
    .helpCommand(true)
    .showHelpAfterError(false)
    .configureOutput({
      // The help has no colours; to ask for them needs --allow-env.
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: (text, write) => write(oneLine(text.trim()) + "\n"),
    })
    .addHelpText(
      "after",
      "\nExample:\n  fusion method=simple_average modelpool=demo taskpool=demo\n\n`fusion COMMAND --help` tells more.",
    );
  for (const description of COMMANDS) {
    const command = root
      .command(description.name, { isDefault: description.isDefault ?? false })
      .summary(description.summary)
      .description(description.summary)
      .usage(description.usage)
      .argument("[words...]")
      .addHelpText("after", description.help)
      .addHelpText("after", `\n${permissionHelp(description.name)}`)
      .exitOverride()
      .action(async (words: string[], flags: { json?: boolean }) => {
        await (await description.load())(words, flags);
      });
    if (description.json) {
      command.option("--json", "print the result as JSON");
    }
  }
  return root;
}

/** Whether what failed lies outside: a full disk, a source that went away. */
function isEnvironment(error: unknown): error is Error {
  return error instanceof Error &&
    ENVIRONMENT.has(errorCode(error) ?? "");
}

const ENVIRONMENT = new Set(
  "ENOENT EACCES EPERM EROFS ENOSPC EDQUOT EISDIR ENOTDIR EFBIG EIO EBUSY"
    .split(" "),
);

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ");
}

/**
 * Runs the command line.
 *
 * @param args As typed, without the program's name.
 * @returns The exit status: 0, 1 (it failed) or 2 (the input is wrong).
 */
export async function main(args: string[]): Promise<number> {
  try {
    await program().parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const missing = missingPermission(error);
    if (missing !== undefined) {
      console.error(`error: ${missing}`);
      return 2;
    }
    if (error instanceof FusionError) {
      console.error(`error: ${oneLine(error.message)}`);
      return 2;
    }
    if (isEnvironment(error)) {
      console.error(`error: ${oneLine(error.message)}`);
      return 2;
    }
    console.error("error: something unexpected failed:", error);
    return 1;
  }
}

if (import.meta.main) {
  // Imported here, so that a library user who imports `./cli` gets no handler.
  const { cleanUpTemporaries } = await import("../temporaries.ts");
  (await import("./download_bar.ts")).showDownloads();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      cleanUpTemporaries();
      Deno.exit(signal === "SIGINT" ? 130 : 143);
    });
  }
  Deno.exit(await main(Deno.args));
}
