import { HubError } from "./hub_error.ts";
import type { RepositoryId, RepositoryType } from "./repository_id.ts";
import type { HubSettings } from "./settings.ts";

/** What a request is about, for its messages. */
export interface Subject extends RepositoryId {
  readonly type: RepositoryType;
  /** Whether it is written: then nobody was thinking of a folder. */
  readonly written?: boolean;
}

/** The beginning of a message that says what a repository is not. */
export function notHere({ name, written }: Subject): string {
  return written ? `${name} is` : `${name} is no folder here, and`;
}

/** The repository's page in the browser. */
export function pageOf({ name, type }: Subject, endpoint: string): string {
  return `${endpoint}/${type === "dataset" ? "datasets/" : ""}${name}`;
}

/**
 * Says why the hub refused a request.
 *
 * @param response Its answer, whose status is no success.
 * @see https://huggingface.co/docs/huggingface_hub/package_reference/utilities#errors
 */
export function describeFailure(
  response: Response,
  subject: Subject,
  settings: HubSettings,
): HubError {
  const { status, headers } = response;
  const { endpoint, token } = settings;
  const { name, type, revision } = subject;
  const page = pageOf(subject, endpoint);
  const fail = (code: HubError["code"], message: string): HubError =>
    new HubError(code, message, { status });
  const told = oneLine(headers.get("X-Error-Message"));

  switch (headers.get("X-Error-Code")) {
    case "GatedRepo":
      return fail(
        "gated",
        token
          ? `${name} is gated and the token of ${token.source} has no access: ask for it at ${page}, as the token's account`
          : `${name} is gated: accept its terms at ${page}, then set HF_TOKEN to an access token of that account (${endpoint}/settings/tokens)`,
      );
    case "RevisionNotFound":
      return fail(
        "revision",
        `${name} has no revision ${revision} at ${endpoint}, expected a branch, a tag or a commit: see ${page}/commits/main`,
      );
    case "EntryNotFound":
      return fail("file", `${name}@${revision} has no file at ${response.url}`);
  }
  const refusesToken = /invalid credentials/i.test(told) ||
    subject.written && headers.get("X-Error-Code") !== "RepoNotFound";
  if (status === 401 && refusesToken) {
    return fail(
      "token",
      `${name}: ${endpoint} does not accept the token of ${
        token?.source ?? "nobody"
      }: make a new one at ${endpoint}/settings/tokens`,
    );
  }
  // To whom may not see it, the hub does not tell whether something is there.
  if (status === 401 || status === 404) {
    return fail(
      "repository",
      `${notHere(subject)} no ${type} at ${endpoint} that ${
        token
          ? `the token of ${token.source} may see: correct the name, or ask its owner for access`
          : `may be seen without a token: correct the name, or, if it is private, set HF_TOKEN to an access token (${endpoint}/settings/tokens)`
      }`,
    );
  }
  if (status === 403) {
    return fail(
      "forbidden",
      `${name}: ${endpoint} refuses access (403${told && `: ${told}`}): ${
        token
          ? `the token of ${token.source} needs the right to do this, see ${endpoint}/settings/tokens`
          : "set HF_TOKEN to an access token"
      }`,
    );
  }
  if (status === 429) {
    return fail(
      "limit",
      `${name}: ${endpoint} asks to slow down (429), again and again: try later${
        token ? "" : ", or set HF_TOKEN for a higher limit"
      }`,
    );
  }
  return fail(
    status >= 500 ? "server" : "response",
    `${name}: ${endpoint} answers ${status}${told && ` (${told})`}${
      status >= 500 ? ", again and again: try later" : ""
    }`,
  );
}

/** Foreign text for the end of a message: short, and without control characters. */
export function oneLine(text: string | null | undefined): string {
  // deno-lint-ignore no-control-regex
  return (text ?? "").replace(/[\s\x00-\x1f\x7f-\x9f]+/g, " ").trim()
    .slice(0, 200);
}
