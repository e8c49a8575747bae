import { assertRejects } from "@std/assert";
import { join } from "@std/path";
import {
  HubError,
  type HubErrorCode,
  resolveModelPath,
  type ResolveModelPathOptions,
} from "../../src/hub/mod.ts";
import { HubServer } from "../hub_server/hub_server.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";

/** A hub, an empty cache, and options that lead to them. */
export interface HubCase {
  readonly hub: HubServer;
  readonly cacheFolder: string;
  readonly options: {
    endpoint: string;
    cacheFolder: string;
    token: string;
    offline: boolean;
    retryDelay: number;
    stallTimeout: number;
  };
  /** Downloads, or finds, a model. */
  get(id: string, options?: ResolveModelPathOptions): Promise<string>;
  /** The message with which that fails. */
  failure(
    id: string,
    code: HubErrorCode,
    options?: ResolveModelPathOptions,
  ): Promise<string>;
}

/** Runs a test with a hub and a cache of its own. */
export async function withHub(
  test: (hubCase: HubCase) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder(async (cacheFolder) => {
    await using hub = new HubServer();
    const options = {
      endpoint: hub.url,
      cacheFolder,
      token: "",
      offline: false,
      retryDelay: 1,
      stallTimeout: 5000,
    };
    const get = (id: string, more?: ResolveModelPathOptions): Promise<string> =>
      resolveModelPath(id, { ...options, ...more });
    await test({
      hub,
      cacheFolder,
      options,
      get,
      async failure(id, code, more) {
        const error = await assertRejects(() => get(id, more), HubError);
        if (error.code !== code) throw error;
        return error.message;
      },
    });
  });
}

/** Bytes that do not repeat. */
export function someBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = Math.imul(i, 2654435761) >>> 13;
  return bytes;
}

/** The files of a small model. */
export function someModel(
  weights: Uint8Array<ArrayBuffer> = someBytes(300_000),
): {
  "config.json": string;
  "preprocessor_config.json": string;
  "model.safetensors": Uint8Array<ArrayBuffer>;
} {
  return {
    "config.json": '{"model_type": "convnext"}\n',
    "preprocessor_config.json": "{}",
    "model.safetensors": weights,
  };
}

/** Paths of all files and links below a folder, sorted. */
export function walk(folder: string): string[] {
  const paths: string[] = [];
  const visit = (below: string): void => {
    for (const { name, isDirectory } of Deno.readDirSync(join(folder, below))) {
      const path = below ? `${below}/${name}` : name;
      if (isDirectory) visit(path);
      else paths.push(path);
    }
  };
  visit("");
  return paths.sort();
}
