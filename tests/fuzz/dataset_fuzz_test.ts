import * as fc from "fast-check";
import { parseCsv, parseJsonLines } from "../../src/dataset/table.ts";
import { cardConfigurations } from "../../src/dataset/dataset_card.ts";
import { decodeImage } from "../../src/dataset/mod.ts";
import { composeRunConfig } from "../../src/config/mod.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { assertSafe, assertSafeDataset } from "./dataset_case.ts";
import { fuzz, mutations } from "./mutations.ts";

const DATASETS = dataPath("tests/data/datasets");

const FILES: Record<string, string> = {
  "parquet without compression": "encodings/none.parquet",
  "parquet with Snappy": "encodings/snappy.parquet",
  "parquet with gzip": "encodings/gzip.parquet",
  "parquet with Zstandard": "encodings/zstd.parquet",
  "parquet with Brotli": "encodings/brotli.parquet",
  "parquet of version 2": "encodings/version2.parquet",
  "parquet of small pages": "encodings/pages.parquet",
  "parquet of row groups": "encodings/groups.parquet",
  "parquet of differences": "encodings/delta.parquet",
  "parquet of class names": "encodings/names.parquet",
  "parquet of datasets": "repository/cropped/test-00000-of-00002.parquet",
  "ustar": "webdataset/test/0.tar",
  "GNU tar": "webdataset/test/1.tar",
  "pax": "webdataset/test/2.tar",
  "CSV": "table/train/metadata.csv",
  "JSON lines": "table/test.jsonl",
};

for (const [name, file] of Object.entries(FILES)) {
  Deno.test(`fuzz: damaged ${name}`, async () => {
    const whole = await Deno.readFile(`${DATASETS}/${file}`);
    await inTemporaryFolder(async (folder) => {
      const path = `${folder}/x.${file.split(".").at(-1)}`;
      await fuzz(
        name,
        fc.asyncProperty(mutations, async (change) => {
          await Deno.writeFile(path, change(whole));
          await assertSafeDataset(path, folder);
        }),
      );
    });
  });
}

for (const part of ["images", "labels"]) {
  Deno.test(`fuzz: damaged IDX ${part}`, async () => {
    const files = { images: new Uint8Array(), labels: new Uint8Array() };
    for (const name of ["images", "labels"] as const) {
      const stream = (await Deno.open(
        dataPath(`tests/data/demo_data/optdigits/test/${name}.idx.gz`),
      )).readable.pipeThrough(new DecompressionStream("gzip"));
      files[name] = new Uint8Array(await new Response(stream).arrayBuffer());
    }
    await inTemporaryFolder(async (folder) => {
      await Deno.writeFile(`${folder}/images.idx`, files.images);
      await Deno.writeFile(`${folder}/labels.idx`, files.labels);
      await fuzz(
        `IDX ${part}`,
        fc.asyncProperty(mutations, async (change) => {
          const bytes = change(files[part as "images" | "labels"]);
          await Deno.writeFile(`${folder}/${part}.idx`, bytes);
          await assertSafeDataset(folder, folder);
        }),
      );
    });
  });
}

Deno.test("fuzz: damaged compressed IDX", async () => {
  const whole = await Deno.readFile(
    dataPath("tests/data/demo_data/optdigits/test/images.idx.gz"),
  );
  await inTemporaryFolder(async (folder) => {
    await Deno.copyFile(
      dataPath("tests/data/demo_data/optdigits/test/labels.idx.gz"),
      `${folder}/labels.idx.gz`,
    );
    await fuzz(
      "compressed IDX",
      fc.asyncProperty(mutations, async (change) => {
        await Deno.writeFile(`${folder}/images.idx.gz`, change(whole));
        await assertSafeDataset(folder, folder);
      }),
    );
  });
});

for (const { name } of Deno.readDirSync(dataPath("tests/data/images"))) {
  if (!/\.(png|jpg)$/.test(name) || /large/.test(name)) continue;
  Deno.test(`fuzz: damaged image ${name}`, async () => {
    const whole = await Deno.readFile(dataPath(`tests/data/images/${name}`));
    await fuzz(
      `image ${name}`,
      fc.asyncProperty(mutations, async (change) => {
        await assertSafe("image", () => decodeImage(change(whole)));
      }),
    );
  });
}

Deno.test("fuzz: text as tables, data set cards and images", async () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.array(
      fc.constantFrom(
        ..."\",;\n\r\t{}[]:-*&|>'!?#abc".split(""),
        "image,label\n",
        '{"image":',
        "---\nconfigs:\n",
        "- config_name: a\n",
        "  data_files: ",
        "**/",
        "data/*",
      ),
      { maxLength: 60 },
    ).map((parts) => parts.join("")),
  );
  await fuzz(
    "tables, cards and images of text",
    fc.asyncProperty(text, async (text) => {
      await assertSafe("x", () => {
        Array.from(parseCsv(text, "x"));
        return Promise.resolve();
      });
      await assertSafe("x", () => {
        Array.from(parseJsonLines(text, "x"));
        return Promise.resolve();
      });
      for (const { files } of cardConfigurations(text)) {
        for (const { pattern } of files) pattern.test("a/".repeat(200) + "b");
      }
      const bytes = new TextEncoder().encode(text);
      await assertSafe("image", () => decodeImage(bytes));
    }),
    5,
  );
});

for (const group of ["modelpool", "taskpool"]) {
  Deno.test(`fuzz: damaged YAML of a ${group}`, async () => {
    const whole = await Deno.readFile(dataPath(`config/${group}/demo.yaml`));
    await inTemporaryFolder(async (folder) => {
      const path = `${folder}/x.yaml`;
      const others = group === "modelpool" ? [] : ["modelpool=demo"];
      await fuzz(
        `YAML of a ${group}`,
        fc.asyncProperty(mutations, async (change) => {
          await Deno.writeFile(path, change(whole));
          // The message names the file, or a preset that it names.
          await assertSafe(
            "",
            () =>
              composeRunConfig([
                "method=simple_average",
                ...others,
                `${group}=${path}`,
              ]),
          );
        }),
      );
    });
  });
}
