/**
 * A step that failed: its message is for the person who runs the set-up. The
 * steps before it are kept, so that running the set-up again goes on from here.
 */
export class SetupError extends Error {}

/**
 * Runs a program to its end, quietly.
 *
 * @param program Its name or path.
 * @param args Its arguments.
 * @param options Its folder and environment variables on top of ours.
 * @returns What it wrote on standard output.
 * @throws {SetupError} With the end of what it wrote when it fails.
 */
export async function runCommand(
  program: string,
  args: string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const command = new Deno.Command(program, {
    args,
    ...options,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  let output: Deno.CommandOutput;
  try {
    output = await command.output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new SetupError(`${program} is not installed`, { cause: error });
    }
    throw error;
  }
  const text = new TextDecoder();
  if (!output.success) {
    const lines = (text.decode(output.stdout) + text.decode(output.stderr))
      .trimEnd().split("\n");
    throw new SetupError(
      `${program} ${args[0]} failed:\n${lines.slice(-15).join("\n")}`,
    );
  }
  return text.decode(output.stdout);
}
