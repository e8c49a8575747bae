/**
 * Makes the demo's pool and test sets: `deno run -A scripts/demo_pool/main.ts`
 *
 * 1. installs emoji, icons and fonts from npm (`sources.json`);
 * 2. draws a broad data set of emoji and icons, and four tasks: characters of
 *    four writing systems, as a camera may see them;
 * 3. trains a small ConvNeXt on the broad data set, from random weights;
 * 4. trains a head for each task on that frozen backbone;
 * 5. fine-tunes the backbone gently for each task, the head frozen;
 * 6. copies models and test sets to where the demo reads them.
 *
 * Everything follows from fixed seeds. Started again, it goes on where it was.
 * It takes about half an hour on two cores with `deno task setup:tensorflow`.
 *
 * `work=FOLDER` keeps what is made on the way (default: out/demo_pool),
 * `demo=FOLDER` is what is written in the end (default: demo).
 */
import { fromFileUrl, join } from "@std/path";
import { broadData } from "./broad.ts";
import { characterDrawings, TASKS } from "./characters.ts";
import { finetune } from "./finetune.ts";
import { writeDrawings } from "./images.ts";
import { writeInitialModel } from "./initial_model.ts";
import { installSources } from "./install_sources.ts";
import { isFolder } from "./is_folder.ts";
import { pack } from "./pack.ts";
import { EXPERTS, HEADS, PRETRAINING } from "./recipes.ts";
import { writeSign } from "./sign.ts";

const ROOT = fromFileUrl(new URL("../..", import.meta.url));
const options = Object.fromEntries(Deno.args.map((word) => word.split("=")));
const work = options.work ?? join(ROOT, "out", "demo_pool");
const demo = options.demo ?? join(ROOT, "demo");
const data = join(work, "data");

const modules = await installSources(join(work, "sources"));

const broad = await broadData(modules);
await draw("broad", { train: broad.train, val: broad.val });
for (const task of Object.keys(TASKS)) {
  if (await isFolder(join(data, task))) continue;
  const counts = { train: 8000, test: 500 };
  await draw(task, await characterDrawings(modules, task, counts));
}

const initial = join(work, "initial");
if (!await isFolder(initial)) await writeInitialModel(initial);
const pretrained = join(work, "pretrained");
await finetune(broad.classNames, {
  ...PRETRAINING,
  model: initial,
  train: join(data, "broad", "train"),
  val: join(data, "broad", "val"),
  output: pretrained,
});
for (const [task, { characters }] of Object.entries(TASKS)) {
  const train = join(data, task, "train");
  const head = join(work, "heads", `pretrained-${task}-head`);
  const expert = join(work, "experts", task);
  const classNames = Array.from(characters);
  await finetune(classNames, {
    ...HEADS,
    model: pretrained,
    train,
    output: head,
  });
  await finetune(classNames, {
    ...EXPERTS,
    model: head,
    train,
    output: expert,
  });
}
await pack(work, demo, Object.keys(TASKS));
await writeSign(modules, "ψ", join(demo, "sign.png"));

/** Draws a data set's splits; its folder gets its name when all are there. */
async function draw(
  name: string,
  splits: Readonly<Record<string, Parameters<typeof writeDrawings>[1]>>,
): Promise<void> {
  const folder = join(data, name);
  if (await isFolder(folder)) return;
  for (const [split, drawings] of Object.entries(splits)) {
    console.error(`drawing ${name}/${split}: ${drawings.length} images`);
    await writeDrawings(join(`${folder}.partial`, split), drawings);
  }
  await Deno.rename(`${folder}.partial`, folder);
}
