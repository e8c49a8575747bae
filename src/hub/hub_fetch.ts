import {
  describeFailure,
  notHere,
  oneLine,
  type Subject,
} from "./describe_failure.ts";
import { HubError } from "./hub_error.ts";
import { limitBody } from "./limit_body.ts";
import type { HubSettings } from "./settings.ts";
import { retryDelay, wait } from "./wait.ts";

/** A hub that hands out more in one answer about a repository is not heard. */
const LARGEST_ANSWER = 64 << 20;

const PASSING = new Set([408, 429, 500, 502, 503, 504]);

/**
 * A `fetch` for one repository of the hub: it sends the token, to the hub and
 * nowhere else; tries again after 429, 5xx and connection loss; and throws a
 * {@linkcode HubError} where the answer is no success.
 */
export function hubFetch(
  subject: Subject,
  settings: HubSettings,
): typeof fetch {
  const { origin, pathname } = new URL(`${settings.endpoint}/api/`);
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init.headers);
    // The client library sends the token to storage servers too.
    headers.delete("Authorization");
    if (settings.token && url.origin === origin) {
      headers.set("Authorization", `Bearer ${settings.token.value}`);
    }
    for (let failures = 1;; failures++) {
      let response: Response | undefined;
      let lost: unknown;
      try {
        response = await fetchInTime(url, { ...init, headers }, settings);
      } catch (error) {
        if (!isLost(error) || init.signal?.aborted) throw error;
        lost = error;
      }
      if (response?.ok) {
        return url.pathname.startsWith(pathname)
          ? limitBody(response, LARGEST_ANSWER, () => tooLong(subject, url))
          : response;
      }
      const again = failures < settings.attempts &&
        isWorthAnother(response, lost, failures) &&
        mayRepeat(url, init.method, response);
      if (!again) {
        if (!response) throw unreachable(subject, settings, lost);
        const failure = describeFailure(response, subject, settings);
        await response.body?.cancel();
        throw failure;
      }
      await response?.body?.cancel();
      await wait(
        hasNoConnection(lost)
          ? Math.min(RECONNECT_DELAY, settings.retryDelay)
          : retryDelay(failures, settings.retryDelay, response),
      );
    }
  };
}

/**
 * Without network at all, or with the hub's name mistyped, the user need not
 * wait long to hear of it: one more attempt, soon.
 */
const ATTEMPTS_TO_CONNECT = 2;
const RECONNECT_DELAY = 250;

function isWorthAnother(
  response: Response | undefined,
  lost: unknown,
  failures: number,
): boolean {
  if (response) return PASSING.has(response.status);
  return failures < ATTEMPTS_TO_CONNECT || !hasNoConnection(lost);
}

/** Whether nobody was there: the name is unknown, or nothing listens. */
function hasNoConnection(lost: unknown): boolean {
  return /dns error|connection refused|network is unreachable|no route to host|are blocked/i
    .test(reasonsOf(lost));
}

/** What an error and its causes say. Deno's `fetch failed` tells no more. */
function reasonsOf(error: unknown): string {
  return error instanceof Error
    ? [error.message, ...(error.cause ? [reasonsOf(error.cause)] : [])]
      .join(": ")
    : String(error);
}

/** A commit whose answer was lost may have been made: it is not sent twice. */
function mayRepeat(
  url: URL,
  method: string = "GET",
  response: Response | undefined,
): boolean {
  if (
    method !== "POST" || /\/preupload\/|\/objects\/batch$/.test(url.pathname)
  ) {
    return true;
  }
  return response?.status === 429 || response?.status === 503;
}

/** Fetches with a limit on the time until the answer begins. */
async function fetchInTime(
  url: URL,
  init: RequestInit,
  { stallTimeout }: HubSettings,
): Promise<Response> {
  const late = new AbortController();
  const signal = init.signal
    ? AbortSignal.any([init.signal, late.signal])
    : late.signal;
  // An upload takes as long as it takes.
  const timer = init.body && (init.method ?? "GET") === "PUT"
    ? undefined
    : setTimeout(
      () => late.abort(new TypeError("connection timed out: no answer")),
      stallTimeout,
    );
  try {
    return await fetch(url, { ...init, signal });
  } finally {
    clearTimeout(timer);
  }
}

/** Whether an error tells of a connection, not of a mistake or a permission. */
export function isLost(error: unknown): boolean {
  return error instanceof TypeError ||
    error instanceof Deno.errors.Http ||
    error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionRefused ||
    error instanceof Deno.errors.UnexpectedEof ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.TimedOut;
}

/** Says that the hub cannot be reached. */
export function unreachable(
  subject: Subject,
  { endpoint }: HubSettings,
  cause: unknown,
): HubError {
  const reason = reasonsOf(cause);
  // The last part is the system's own words: `Connection refused`.
  const short = oneLine(reason.split(": ").at(-1));
  return new HubError(
    "network",
    subject.written
      ? `${subject.name}: ${endpoint} cannot be reached (${short}): check the network`
      : `${
        notHere(subject)
      } ${endpoint} cannot be reached (${short}): check the path and the network, or set HF_ENDPOINT to a mirror`,
    { cause },
  );
}

function tooLong({ name }: Subject, url: URL): HubError {
  return new HubError(
    "response",
    `${name}: the answer of ${url.origin}${url.pathname} is longer than ${LARGEST_ANSWER} bytes`,
  );
}
