import { join } from "@std/path";
import { randomColor, randomInkAndGround } from "./color.ts";
import { type Drawing, SIZE } from "./images.ts";
import { Random } from "./random.ts";

/** Pictures that many designers drew, in Iconify's JSON. */
interface Kind {
  sets: readonly string[];
  /** Names that make no class: letters, and what differs in a detail only. */
  leftOut: RegExp;
  /** Whether pictures have one colour, ours. */
  isPlain: boolean;
  /** Images of each picture that are trained on. */
  views: number;
}

const KINDS: Readonly<Record<string, Kind>> = {
  emoji: {
    sets: [
      "noto",
      "twemoji",
      "openmoji",
      "fluent-emoji-flat",
      "emojione",
      "fxemoji",
    ],
    leftOut:
      /^.$|keycap|button|input|flag|skin-tone|^(man|woman|men|women|person|people|family|couple|kiss)\b|oclock|thirty|letter/,
    isPlain: false,
    views: 4,
  },
  icon: {
    sets: [
      "mdi",
      "tabler",
      "lucide",
      "ph",
      "bi",
      "iconoir",
      "carbon",
      "ion",
      "heroicons",
    ],
    leftOut:
      /letter|number|alpha|omega|sigma|^pi$|^hdr|^text|font|type|bold|italic|underline|currency|variable|language/,
    isPlain: true,
    views: 7,
  },
};

/** A name is a class if so many sets have it. */
const LEAST_SETS = 4;

interface IconSet {
  width?: number;
  height?: number;
  icons: Record<string, { body: string; width?: number; height?: number }>;
}

/** The broad data set: one class a name, drawn by several designers. */
export interface BroadData {
  classNames: string[];
  train: Drawing[];
  /** The same pictures in other views: tells whether training works. */
  val: Drawing[];
}

/** Draws emoji and icons. */
export async function broadData(modules: string): Promise<BroadData> {
  const data: BroadData = { classNames: [], train: [], val: [] };
  for (const [kind, { sets: names, leftOut, isPlain, views }] of entries()) {
    const sets: IconSet[] = [];
    for (const name of names) {
      const file = join(modules, "@iconify-json", name, "icons.json");
      sets.push(JSON.parse(await Deno.readTextFile(file)));
    }
    const all = new Set(sets.flatMap(({ icons }) => Object.keys(icons)));
    const classes = [...all].filter((name) =>
      !leftOut.test(name) &&
      sets.filter(({ icons }) => icons[name]).length >= LEAST_SETS
    ).sort();
    for (const [i, name] of classes.entries()) {
      const label = data.classNames.length + i;
      for (const [index, set] of sets.entries()) {
        if (!set.icons[name]) continue;
        for (let view = 0; view <= views; view++) {
          const random = new Random(kind, name, index, view);
          const svg = drawPicture(set, name, isPlain, random);
          data[view < views ? "train" : "val"].push({ svg, label });
        }
      }
    }
    data.classNames.push(...classes.map((name) => `${kind}: ${name}`));
  }
  return data;
}

const entries = (): [string, Kind][] => Object.entries(KINDS);

/** A picture a little turned, larger or smaller, on a plain ground. */
function drawPicture(
  set: IconSet,
  name: string,
  isPlain: boolean,
  random: Random,
): string {
  const icon = set.icons[name]!;
  const width = icon.width ?? set.width ?? 16;
  const height = icon.height ?? set.height ?? 16;
  const scale = random.uniform(0.7, 1.05) * SIZE / Math.max(width, height);
  const angle = random.uniform(-15, 15);
  const shift = (): number => SIZE / 2 + random.uniform(-2, 2);
  const limits = randomInkAndGround(random);
  const ink = randomColor(random, limits.ink);
  const ground = randomColor(random, isPlain ? limits.ground : [60, 100]);
  const mirror = !isPlain && random.uniform() < 0.5 ? -1 : 1;
  // Gradients and clips are named within one picture; a sheet holds many.
  const prefix = `p${Math.floor(random.uniform() * 2 ** 32).toString(36)}-`;
  const body = icon.body
    .replace(/\bid="/g, `id="${prefix}`)
    .replace(/url\(#/g, `url(#${prefix}`)
    .replace(/href="#/g, `href="#${prefix}`);
  return `<rect width="${SIZE}" height="${SIZE}" fill="${ground}"/>` +
    `<g color="${ink}" transform="translate(${shift()} ${shift()}) ` +
    `rotate(${angle}) scale(${scale * mirror} ${scale}) ` +
    `translate(${-width / 2} ${-height / 2})">${body}</g>`;
}
