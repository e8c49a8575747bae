import { join } from "@std/path";
import opentype from "opentype.js";
import type { Drawing } from "./images.ts";
import { Random } from "./random.ts";
import { drawScene } from "./scene.ts";

/** What a task is to tell apart, and the part of a font that has it. */
export interface Task {
  subset: string;
  characters: string;
}

/** The tasks: one writing system each. */
export const TASKS: Readonly<Record<string, Task>> = {
  cyrillic: { subset: "cyrillic", characters: "БВГДЖЗИКЛПУФЦЧШЩЪЫЬЭЮЯ" },
  digits: { subset: "latin", characters: "0123456789" },
  greek: { subset: "greek", characters: "αβγδεζηθικλμνξοπρστυφχψω" },
  latin: { subset: "latin", characters: "ABCDEFGHIJKLMNOPQRSTUVWXYZ" },
};

/**
 * Fonts that test images are drawn with; all others are for training. Families
 * such as PT and Ubuntu are whole on one side.
 */
const TEST_FONTS: ReadonlySet<string> = new Set([
  "alegreya",
  "alegreya-sans",
  "arimo",
  "caveat",
  "comfortaa",
  "cousine",
  "dela-gothic-one",
  "gfs-didot",
  "jetbrains-mono",
  "literata",
  "oswald",
  "pacifico",
  "play",
  "playfair-display",
  "pt-mono",
  "pt-sans",
  "pt-serif",
  "russo-one",
  "tinos",
  "ubuntu",
  "ubuntu-condensed",
  "ubuntu-mono",
  "vollkorn",
  "zen-kurenaido",
]);

const WEIGHTS = [400, 700];

/** A character's outline as SVG path data, and the box around it. */
export interface Glyph {
  path: string;
  box: { x1: number; y1: number; x2: number; y2: number };
}

/** A task's images, as many of each character. */
export async function characterDrawings(
  modules: string,
  task: string,
  counts: Readonly<Record<"train" | "test", number>>,
): Promise<Record<"train" | "test", Drawing[]>> {
  const { subset, characters } = TASKS[task]!;
  const fonts = Array.from(
    Deno.readDirSync(join(modules, "@fontsource")),
    ({ name }) => name,
  ).sort();
  const draw = async (split: "train" | "test"): Promise<Drawing[]> => {
    const own = fonts.filter((font) =>
      TEST_FONTS.has(font) === (split === "test")
    );
    const glyphs = await loadGlyphs(modules, own, subset, characters);
    return Array.from({ length: counts[split] }, (_, i) => {
      const label = i % glyphs.length;
      const random = new Random(task, split, i);
      return { ...drawScene(random.pick(glyphs[label]!), random), label };
    });
  };
  return { train: await draw("train"), test: await draw("test") };
}

/** Every outline of each character. */
async function loadGlyphs(
  modules: string,
  fonts: readonly string[],
  subset: string,
  characters: string,
): Promise<Glyph[][]> {
  const glyphs: Glyph[][] = Array.from(characters, () => []);
  for (const font of fonts) {
    for (const weight of WEIGHTS) {
      const name = `${font}-${subset}-${weight}-normal.woff`;
      const file = join(modules, "@fontsource", font, "files", name);
      const parsed = await parseFont(file);
      if (!parsed) continue;
      Array.from(characters, (character, i) => {
        if (parsed.charToGlyphIndex(character) === 0) return;
        const path = parsed.getPath(character, 0, 0, 100);
        const box = path.getBoundingBox();
        if (box.y2 > box.y1) {
          glyphs[i]!.push({ path: path.toPathData(1), box });
        }
      });
    }
  }
  return glyphs;
}

/** Nothing if the font has no such weight or subset. */
async function parseFont(file: string): Promise<opentype.Font | undefined> {
  try {
    const bytes = await Deno.readFile(file);
    return opentype.parse(bytes.buffer);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
