import { assertEquals } from "@std/assert";
import { cardConfigurations } from "../../src/dataset/dataset_card.ts";
import { chooseFiles } from "../../src/dataset/split_files.ts";

Deno.test("files are chosen as datasets chooses them", () => {
  const cases: [string[], { config?: string; split?: string }, string[]][] = [
    [
      [
        "README.md",
        "data/test-00000-of-00001.parquet",
        "data/train-00001-of-00002.parquet",
        "data/train-00000-of-00002.parquet",
      ],
      { split: "train" },
      [
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
      ],
    ],
    [
      ["mnist/test/0000.parquet", "mnist/train/0000.parquet"],
      { split: "test" },
      ["mnist/test/0000.parquet"],
    ],
    [
      ["a/test-0.parquet", "b/test-0.parquet"],
      { config: "b", split: "test" },
      ["b/test-0.parquet"],
    ],
    [
      ["default/validation/0.parquet", "other/validation/0.parquet"],
      { split: "valid" },
      ["default/validation/0.parquet"],
    ],
    [["test/0.tar", "test/1.tar", "train/0.tar"], { split: "test" }, [
      "test/0.tar",
      "test/1.tar",
    ]],
    [["my-val.csv", "my-train.csv"], { split: "validation" }, ["my-val.csv"]],
    [["a.parquet", "b.parquet"], { split: "train" }, [
      "a.parquet",
      "b.parquet",
    ]],
    [["contest.parquet"], {}, ["contest.parquet"]],
    [["a.parquet", "b.csv"], {}, ["a.parquet"]],
  ];
  for (const [paths, choice, expected] of cases) {
    assertEquals(chooseFiles(paths, "x", choice)?.paths, expected);
  }
  assertEquals(chooseFiles(["cat/a.png", "notes.md"], "x", {}), undefined);
});

Deno.test("a data set card's configurations come before the paths", () => {
  const card = cardConfigurations(`---
license: mit
configs:
- config_name: small
  data_files:
  - split: test
    path: data/part-*
- config_name: large
  default: true
  data_dir: big
  data_files:
    test: "*.parquet"
    extra: [one/?.parquet, "two/**"]
---
# Pictures
`);
  assertEquals(card.map(({ name }) => name), ["small", "large"]);
  const paths = [
    "data/part-1.parquet",
    "data/more/part-1.parquet",
    "big/x.parquet",
    "big/two/three/x.parquet",
  ];
  const choose = (choice: { config?: string; split?: string }) =>
    chooseFiles(paths, "x", choice, card)?.paths;
  assertEquals(choose({ config: "small" }), ["data/part-1.parquet"]);
  assertEquals(choose({ split: "test" }), ["big/x.parquet"]);
  assertEquals(choose({ split: "extra" }), ["big/two/three/x.parquet"]);
});

Deno.test("a card that is none says nothing", () => {
  for (
    const card of [
      "",
      "# Pictures",
      "---\nconfigs: [\n---\n",
      "---\nconfigs:\n- config_name: 3\n---\n",
      "---\nconfigs: {a: 1}\n---\n",
      "---\nconfigs:\n- config_name: a\n  data_files: '(a+)+$'\n---".slice(
        0,
        9,
      ),
    ]
  ) {
    assertEquals(cardConfigurations(card), []);
  }
});
