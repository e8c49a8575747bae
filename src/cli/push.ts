import * as z from "zod";
import { composeConfig } from "../config/mod.ts";
import { ConfigError } from "../fusion_error.ts";
import { pushToHub } from "../hub/mod.ts";

const schema = z.strictObject({
  private: z.boolean().nullable().default(null),
  commit_message: z.string().min(1).nullable().default(null),
});

/** `fusion push DIR OWNER/NAME [private=true] [commit_message=TEXT]` */
export async function push(words: string[]): Promise<void> {
  const { config, positional } = await composeConfig(words, schema);
  const [folder, repository, ...more] = positional;
  if (folder === undefined || repository === undefined || more.length > 0) {
    throw new ConfigError(
      `push: ${positional.length} words given, expected two: a model's folder, and the repository OWNER/NAME it goes to`,
    );
  }
  const url = await pushToHub(folder, repository, {
    private: config.private ?? undefined,
    commitMessage: config.commit_message ?? undefined,
  });
  console.log(url);
}
