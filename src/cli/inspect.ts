import { join } from "@std/path";
import * as z from "zod";
import {
  elementCount,
  openCheckpoint,
  type StateDict,
} from "../checkpoint/mod.ts";
import { composeConfig } from "../config/mod.ts";
import {
  type ConvNextConfig,
  labelsOf,
  openConvNext,
  readEnsembleDescription,
} from "../convnext/mod.ts";
import { openDataset } from "../dataset/mod.ts";
import { ConfigError } from "../fusion_error.ts";
import { resolveModelPath } from "../hub/mod.ts";
import { markdownTable } from "../report/mod.ts";

/** What `inspect` found, and how it is printed. */
interface Inspection {
  summary: Record<string, unknown>;
  table?: { header: string[]; rows: string[][] };
}

/** `fusion inspect PATH [--json]` */
export async function inspect(
  words: string[],
  { json = false }: { json?: boolean },
): Promise<void> {
  const { positional } = await composeConfig(words, z.strictObject({}));
  const [given, ...more] = positional;
  if (given === undefined || more.length > 0) {
    throw new ConfigError(
      `inspect: ${positional.length} paths given, expected one: a model folder, a checkpoint or a data set`,
    );
  }
  const { summary, table } = await inspectPath(await resolveModelPath(given));
  if (json) {
    const tensors = table?.rows.map(([name, dtype, shape]) => ({
      name,
      dtype,
      shape: JSON.parse(shape!),
    }));
    console.log(
      JSON.stringify({ ...summary, ...(tensors && { tensors }) }, null, 2),
    );
    return;
  }
  for (const [key, value] of Object.entries(summary)) {
    console.log(`${key}: ${Array.isArray(value) ? listed(value) : value}`);
  }
  if (table) console.log(`\n${markdownTable(table.header, table.rows)}`);
}

/** Values of a list that are printed: a head may have a thousand classes. */
const SHOWN = 12;

function listed(values: readonly unknown[]): string {
  const more = values.length - SHOWN;
  return values.slice(0, SHOWN).join(", ") +
    (more > 0 ? `, … (${more} more)` : "");
}

async function inspectPath(path: string): Promise<Inspection> {
  const isFolder = (await Deno.stat(path)).isDirectory;
  if (!isFolder) return describeTensors({ path }, await openCheckpoint(path));
  if (await has(path, "config.json") || await has(path, "model.json")) {
    const { config, stateDict, format } = await openConvNext(path);
    if (format !== "timm") return await describeModel(path, config, stateDict);
    stateDict.close();
    // timm's names stay timm's.
    return await describeModel(path, config, await openCheckpoint(path));
  }
  const ensemble = await readEnsembleDescription(path);
  if (ensemble) {
    const { combine, weights, members } = ensemble;
    return {
      summary: { path, combine, ...(weights ? { weights } : {}), members },
    };
  }
  const dataset = await openDataset(path);
  return {
    summary: {
      path,
      images: dataset.length,
      ...(dataset.classNames ? { classes: dataset.classNames } : {}),
    },
  };
}

async function describeModel(
  path: string,
  config: ConvNextConfig,
  stateDict: StateDict,
): Promise<Inspection> {
  const heads = await has(path, "heads")
    ? Array.from(Deno.readDirSync(join(path, "heads")), ({ name }) => name)
      .sort()
    : [];
  return describeTensors({
    path,
    hidden_sizes: config.hidden_sizes,
    depths: config.depths,
    image_size: config.image_size,
    labels: labelsOf(config),
    ...(heads.length > 0 ? { heads } : {}),
    ...(await has(path, "masks") ? { masks: "one for each task" } : {}),
    ...(await has(path, "surgery")
      ? { surgery: "a module for each task" }
      : {}),
    ...(await has(path, "routers")
      ? { routers: "one for each block, over the experts' products" }
      : {}),
  }, stateDict);
}

function describeTensors(
  summary: Record<string, unknown>,
  stateDict: StateDict,
): Inspection {
  const infos = stateDict.names.map((name) =>
    [name, stateDict.info(name)] as const
  );
  stateDict.close();
  return {
    summary: {
      ...summary,
      tensors: infos.length,
      parameters: infos.reduce(
        (sum, [, { shape }]) => sum + elementCount(shape),
        0,
      ),
    },
    table: {
      header: ["tensor", "dtype", "shape"],
      rows: infos.map(([name, { dtype, shape }]) => [
        name,
        dtype,
        `[${shape}]`,
      ]),
    },
  };
}

async function has(folder: string, name: string): Promise<boolean> {
  try {
    await Deno.stat(join(folder, name));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
