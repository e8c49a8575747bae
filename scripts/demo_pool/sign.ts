import sharp from "sharp";
import { characterDrawings, TASKS } from "./characters.ts";
import { SIZE } from "./images.ts";

/** Side of the picture, in pixels. */
const SIDE = 256;

/** Draws one of the test set's signs larger, to try `fusion predict` on. */
export async function writeSign(
  modules: string,
  character: string,
  file: string,
): Promise<void> {
  const { characters } = TASKS.greek!;
  const { test } = await characterDrawings(modules, "greek", {
    train: 0,
    test: characters.length,
  });
  const { svg } = test[characters.indexOf(character)]!;
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" ` +
    `height="${SIDE}" viewBox="0 0 ${SIZE} ${SIZE}">${svg}</svg>`;
  await sharp(new TextEncoder().encode(picture)).flatten().png().toFile(file);
}
