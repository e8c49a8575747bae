import { ConfigError } from "../fusion_error.ts";

/** What a config is made of. */
export type ConfigValue =
  | null
  | boolean
  | number
  | string
  | ConfigValue[]
  | ConfigObject;

/** A mapping in a config. */
export interface ConfigObject {
  /** The values by key. */
  [key: string]: ConfigValue;
}

/** Whether a value is a mapping. */
export function isConfigObject(value: unknown): value is ConfigObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Parses the right side of an override in Hydra's syntax: numbers, booleans,
 * null, `'quoted'` and `"quoted"` strings, `[lists]`, `{dicts: 1}`, and
 * anything else as a string, which may hold `=`, `:`, `/` and spaces.
 * `${interpolations}` stay as they are, to be resolved in the whole config.
 *
 * https://hydra.cc/docs/advanced/override_grammar/basic/
 *
 * @throws {ConfigError} If a bracket or quote is not closed, or it is a sweep.
 */
export function parseValue(text: string): ConfigValue {
  if (FUNCTION.test(text)) {
    throw new ConfigError(
      `value ${text} is a Hydra function, expected a plain value: sweeps and casts are not supported`,
    );
  }
  const reader = new ValueReader(text);
  const value = reader.value("");
  if (!reader.done) {
    throw new ConfigError(
      `value ${text} has ${
        JSON.stringify(reader.rest)
      } after its end, expected one value`,
    );
  }
  return value;
}

/** Writes a value so that {@linkcode parseValue} reads the same one. */
export function formatValue(value: ConfigValue): string {
  if (Array.isArray(value)) return `[${value.map(formatValue).join(",")}]`;
  if (isConfigObject(value)) {
    const entries = Object.entries(value).map(([key, item]) =>
      `${formatValue(key)}:${formatValue(item)}`
    );
    return `{${entries.join(",")}}`;
  }
  if (typeof value === "string") {
    // Only backslashes that precede a quote are escapes.
    const escaped = value
      .replace(/(\\*)'/g, "$1$1\\'")
      .replace(/\\+$/, "$&$&");
    return `'${escaped}'`;
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  }
  return Object.is(value, -0) ? "-0.0" : String(value);
}

const FUNCTION =
  /^(choice|range|interval|glob|sort|shuffle|tag|extend_list|int|float|str|bool|json_str)\(.*\)$/s;
const INTEGER = /^[+-]?\d+(_\d+)*$/;
const FLOAT = /^[+-]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(e[+-]?\d+)?$/i;
const ESCAPED = "\\()[]{}:=, \t";

/** The value of an unquoted word. */
function typed(word: string): ConfigValue {
  const lower = word.toLowerCase();
  if (lower === "null") return null;
  if (lower === "true") return true;
  if (lower === "false") return false;
  if (/^[+-]?inf$/.test(lower)) return lower[0] === "-" ? -Infinity : Infinity;
  if (/^[+-]?nan$/.test(lower)) return NaN;
  if (INTEGER.test(word) || FLOAT.test(word)) {
    return Number(word.replaceAll("_", ""));
  }
  return word;
}

class ValueReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  get rest(): string {
    return this.#text.slice(this.#at);
  }

  #fail(found: string, expected: string): never {
    throw new ConfigError(
      `value ${this.#text} ${found}, expected ${expected}`,
    );
  }

  #skipSpace(): void {
    while (this.#text[this.#at] === " " || this.#text[this.#at] === "\t") {
      this.#at++;
    }
  }

  /** Reads a value up to one of the closing characters. */
  value(closing: string): ConfigValue {
    this.#skipSpace();
    const first = this.#text[this.#at];
    let value: ConfigValue;
    if (first === "[") value = this.#list();
    else if (first === "{") value = this.#dict();
    else if (first === "'" || first === '"') value = this.#quoted(first);
    else return this.#word(closing);
    this.#skipSpace();
    return value;
  }

  #list(): ConfigValue[] {
    const items: ConfigValue[] = [];
    this.#at++;
    this.#skipSpace();
    while (this.#text[this.#at] !== "]") {
      items.push(this.value(",]"));
      this.#separator("]");
    }
    this.#at++;
    return items;
  }

  #dict(): ConfigObject {
    const entries: [string, ConfigValue][] = [];
    this.#at++;
    this.#skipSpace();
    while (this.#text[this.#at] !== "}") {
      const key = this.value(":,}");
      if (typeof key === "object" && key !== null) {
        this.#fail("has a list or dict as a key", "a word");
      }
      if (this.#text[this.#at] !== ":") {
        this.#fail(`has no ":" after the key ${key}`, "{key: value}");
      }
      this.#at++;
      entries.push([String(key), this.value(",}")]);
      this.#separator("}");
    }
    this.#at++;
    return Object.fromEntries(entries);
  }

  #separator(closing: string): void {
    if (this.#text[this.#at] === ",") {
      this.#at++;
      this.#skipSpace();
    } else if (this.done) {
      this.#fail(`ends before its "${closing}"`, `a closing "${closing}"`);
    } else if (this.#text[this.#at] !== closing) {
      this.#fail(
        `has ${JSON.stringify(this.rest)} after an item`,
        `"," or "${closing}"`,
      );
    }
  }

  #quoted(quote: string): string {
    let value = "";
    for (let i = this.#at + 1; i < this.#text.length; i++) {
      let slashes = 0;
      while (this.#text[i + slashes] === "\\") slashes++;
      const next = this.#text[i + slashes];
      // Hydra's rule: backslashes are escapes only where a quote follows.
      value += "\\".repeat(next === quote ? slashes >> 1 : slashes);
      i += slashes;
      if (next === quote && slashes % 2 === 0) {
        this.#at = i + 1;
        return value;
      }
      value += next ?? "";
    }
    this.#fail(`ends before its ${quote}`, `a closing ${quote}`);
  }

  /** An unquoted word; spaces around it are dropped, those inside kept. */
  #word(closing: string): ConfigValue {
    let word = "";
    let kept = 0;
    let escaped = false;
    for (; !this.done; this.#at++) {
      const character = this.#text[this.#at]!;
      const next = this.#text[this.#at + 1] ?? "";
      if (character === "\\" && next !== "" && ESCAPED.includes(next)) {
        word += next;
        kept = word.length;
        escaped = true;
        this.#at++;
      } else if (character === "$" && next === "{") {
        const end = interpolationEnd(this.#text, this.#at);
        if (end === -1) this.#fail("has an unclosed ${", 'a closing "}"');
        word += this.#text.slice(this.#at, end);
        kept = word.length;
        this.#at = end - 1;
      } else if (closing.includes(character)) {
        break;
      } else if (closing === "" && character === ",") {
        this.#fail(
          "has a comma: a sweep over several values is not supported",
          `one value: a list [${this.#text}] or a quoted string '${this.#text}'`,
        );
      } else {
        word += character;
        if (character !== " " && character !== "\t") kept = word.length;
      }
    }
    word = word.slice(0, kept);
    return escaped ? word : typed(word);
  }
}

/** Where the `${…}` that begins at `start` ends, or -1. */
export function interpolationEnd(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    if (text[i] === "$" && text[i + 1] === "{") {
      depth++;
      i++;
    } else if (text[i] === "}" && --depth === 0) {
      return i + 1;
    }
  }
  return -1;
}
