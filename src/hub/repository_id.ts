/** Kinds of repositories that hold something for a merge. */
export type RepositoryType = "model" | "dataset";

/** A repository of the Hugging Face hub at one of its revisions. */
export interface RepositoryId {
  /** `owner/name`, or a bare name as of the hub's first models. */
  readonly name: string;
  /** A branch, tag, pull request (`refs/pr/1`) or commit. */
  readonly revision: string;
}

const LONGEST_NAME = 96;

/** A repository's page, as it is copied from the browser. */
const PAGE =
  /^https:\/\/(?:huggingface\.co|hf\.co)\/(datasets\/)?([^/]+\/[^/]+)(?:\/tree\/(.+?))?\/?$/;

/**
 * Reads `owner/name[@revision]`, or the URL of a repository's page.
 *
 * @returns undefined if the text is no valid repository id, by the hub's rules,
 * or the page of another kind of repository.
 */
export function parseRepositoryId(
  text: string,
  type: RepositoryType,
): RepositoryId | undefined {
  const page = PAGE.exec(text);
  if (page) {
    const [, datasets, name, revision] = page;
    if ((datasets !== undefined) !== (type === "dataset")) return undefined;
    return parseId(revision === undefined ? name! : `${name}@${revision}`);
  }
  return parseId(text);
}

function parseId(text: string): RepositoryId | undefined {
  const at = text.indexOf("@");
  const name = at < 0 ? text : text.slice(0, at);
  const revision = at < 0 ? "main" : text.slice(at + 1);
  const parts = name.split("/");
  const valid = parts.length <= 2 && name.length <= LONGEST_NAME &&
    parts.every((part) =>
      /^[\w.-]+$/.test(part) && !/--|\.\.|^[.-]|[.-]$/.test(part)
    ) &&
    // The revision becomes a path in the cache: it must stay inside.
    /^[\w.-]+(\/[\w.-]+)*$/.test(revision) &&
    !revision.split("/").some((part) => /^\.+$/.test(part));
  return valid ? { name, revision } : undefined;
}

/** Whether a revision is a commit, which never changes. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}
