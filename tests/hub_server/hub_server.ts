import { commitRoutes } from "./commit_routes.ts";
import { downloadRoutes } from "./download_routes.ts";
import { type Fault, Faults } from "./fault.ts";
import { serveBytes } from "./serve_file.ts";
import {
  type RepositoryOptions,
  StoredRepository,
  storeFile,
} from "./stored_repository.ts";

/** Whom a token belongs to. */
export interface User {
  readonly name: string;
  /** Whether the token may write. */
  readonly write?: boolean;
  /** Gated repositories that let the user in. */
  readonly access?: readonly string[];
}

/** A request that came in. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly range: string | null;
  readonly authorization: string | null;
  readonly contentLength: string | null;
  /** Whether it came to the storage, not to the hub. */
  readonly storage: boolean;
}

/**
 * A server that speaks the Hugging Face hub's protocol, and a second one for
 * the storage of large files that the hub redirects to.
 *
 * @see https://huggingface.co/docs/hub/api
 */
export class HubServer implements AsyncDisposable {
  /** By type and name, as `models/owner/name`. */
  readonly repositories = new Map<string, StoredRepository>();
  readonly users = new Map<string, User>();
  /** Large files that have been uploaded, by SHA-256. */
  readonly uploads = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly requests: SeenRequest[] = [];
  /** Files on a page of a repository's listing. */
  pageSize = 3;
  readonly #faults = new Faults();
  readonly #hub: Deno.HttpServer<Deno.NetAddr>;
  readonly #storage: Deno.HttpServer<Deno.NetAddr>;
  readonly #closed = new AbortController();

  constructor() {
    const options = {
      hostname: "127.0.0.1",
      port: 0,
      onListen: () => {},
      onError: () => new Response("server error", { status: 500 }),
      signal: this.#closed.signal,
    };
    this.#hub = Deno.serve(options, (request) => this.#answer(request, false));
    this.#storage = Deno.serve(
      options,
      (request) => this.#answer(request, true),
    );
  }

  /** What `HF_ENDPOINT` is to be. */
  get url(): string {
    return `http://127.0.0.1:${this.#hub.addr.port}`;
  }

  /** Where large files are. */
  get storageUrl(): string {
    return `http://127.0.0.1:${this.#storage.addr.port}`;
  }

  /** Adds a repository, or a commit to it; returns the commit. */
  put(
    name: string,
    files: Readonly<Record<string, Uint8Array<ArrayBuffer> | string>>,
    options: RepositoryOptions & { branch?: string } = {},
  ): string {
    const key = `${options.type ?? "model"}s/${name}`;
    const repository = this.repositories.get(key) ??
      new StoredRepository(name, options);
    this.repositories.set(key, repository);
    const tree = new Map(
      Object.entries(files).map(([path, content]) => [
        path,
        storeFile(path, content),
      ]),
    );
    return repository.commit(options.branch ?? "main", tree, "put");
  }

  /** Adds a repository with all files of a folder. */
  async putFolder(
    name: string,
    folder: string,
    options: RepositoryOptions = {},
  ): Promise<string> {
    const files: Record<string, Uint8Array<ArrayBuffer>> = {};
    const walk = async (below: string): Promise<void> => {
      for await (const { name, isDirectory } of Deno.readDir(folder + below)) {
        const path = `${below}/${name}`;
        if (isDirectory) await walk(path);
        else files[path.slice(1)] = await Deno.readFile(folder + path);
      }
    };
    await walk("");
    return this.put(name, files, options);
  }

  /** Lets something go wrong. */
  fault(fault: Fault): void {
    this.#faults.add(fault);
  }

  /** Requests to a path. */
  seen(path: RegExp): SeenRequest[] {
    return this.requests.filter((request) => path.test(request.path));
  }

  /** The user of a request's token; undefined without one, null if unknown. */
  userOf(request: Request): User | undefined | null {
    const authorization = request.headers.get("Authorization");
    if (!authorization) return undefined;
    return this.users.get(authorization.replace(/^Bearer /, "")) ?? null;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all([this.#hub.finished, this.#storage.finished]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #answer(request: Request, storage: boolean): Promise<Response> {
    const url = new URL(request.url);
    const { headers, method } = request;
    this.requests.push({
      method,
      path: url.pathname,
      range: headers.get("Range"),
      authorization: headers.get("Authorization"),
      contentLength: headers.get("Content-Length"),
      storage,
    });
    const fault = this.#faults.take((storage ? "storage:" : "") + url.pathname);
    await fault?.before?.();
    if (fault?.status) {
      return new Response(fault.body ?? "on purpose", {
        status: fault.status,
        headers: fault.headers ?? {},
      });
    }
    if (fault?.body !== undefined) {
      return new Response(fault.body, { headers: fault.headers ?? {} });
    }
    if (storage) return await this.#answerStorage(request, url, fault);
    return await commitRoutes(this, request, url) ??
      downloadRoutes(this, request, url, fault);
  }

  async #answerStorage(
    request: Request,
    url: URL,
    fault: Fault | undefined,
  ): Promise<Response> {
    // S3 knows signed URLs only, and refuses a hub's token beside them.
    if (request.headers.has("Authorization")) {
      return new Response("unsupported authorization", { status: 400 });
    }
    const sha256 = url.pathname.split("/").at(-1)!;
    if (request.method === "PUT") {
      if (!request.headers.has("Content-Length")) {
        return new Response("length required", { status: 411 });
      }
      this.uploads.set(sha256, await request.bytes());
      return new Response(null, { headers: { ETag: `"${sha256}"` } });
    }
    for (const { commits } of this.repositories.values()) {
      for (const tree of commits.values()) {
        for (const file of tree.values()) {
          if (file.sha256 !== sha256) continue;
          return serveBytes(request, file.bytes, new Headers(), fault);
        }
      }
    }
    return new Response("no such object", { status: 404 });
  }
}
