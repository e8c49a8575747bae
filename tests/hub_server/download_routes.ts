import type { Fault } from "./fault.ts";
import type { HubServer } from "./hub_server.ts";
import { serveBytes } from "./serve_file.ts";
import type { StoredRepository, Tree } from "./stored_repository.ts";

/** What the hub says where it refuses. */
export function refuse(status: number, code: string, message = code): Response {
  return Response.json({ error: message }, {
    status,
    headers: { "X-Error-Code": code, "X-Error-Message": message },
  });
}

/** `[api/](models|datasets/)NAME/VERB/REVISION/REST` */
export interface Route {
  readonly repository: StoredRepository;
  readonly verb: string;
  readonly revision: string;
  readonly rest: string;
}

const VERBS =
  /^\/(?:(api)\/)?(?:(models|datasets)\/)?(.+?)(?:\/(revision|tree|resolve|preupload|commit)\/([^/]+)(?:\/(.*))?)?$/;

/** Finds the repository of a path; a refusal where the user may not see it. */
export function findRoute(
  hub: HubServer,
  request: Request,
  url: URL,
): Route | Response {
  const user = hub.userOf(request);
  if (user === null) {
    return new Response(null, {
      status: 401,
      headers: {
        "X-Error-Message": "Invalid credentials in Authorization header",
      },
    });
  }
  const [
    ,
    ,
    type = "models",
    name,
    verb = "revision",
    revision = "main",
    rest,
  ] = VERBS.exec(url.pathname) ?? [];
  const repository = hub.repositories.get(`${type}/${name}`);
  const visible = repository &&
    (!repository.options.private || user?.name === repository.owner);
  if (!visible) {
    return refuse(user ? 404 : 401, "RepoNotFound", "Repository not found");
  }
  return {
    repository,
    verb,
    revision: decodeURIComponent(revision),
    rest: decodeURIComponent(rest ?? ""),
  };
}

/** What reads from repositories. */
export function downloadRoutes(
  hub: HubServer,
  request: Request,
  url: URL,
  fault: Fault | undefined,
): Response {
  const route = findRoute(hub, request, url);
  if (route instanceof Response) return route;
  const { repository, verb, revision, rest } = route;
  const commit = repository.resolve(revision);
  if (commit === undefined) {
    return refuse(404, "RevisionNotFound", `Invalid rev id: ${revision}`);
  }
  const tree = repository.commits.get(commit)!;
  switch (verb) {
    case "revision":
      return Response.json({
        _id: commit.slice(0, 24),
        id: repository.name,
        sha: commit,
        private: repository.options.private ?? false,
        gated: repository.options.gated ? "auto" : false,
        lastModified: "2026-01-01T00:00:00.000Z",
        createdAt: "2026-01-01T00:00:00.000Z",
        downloads: 0,
        likes: 0,
        tags: [],
        siblings: [...tree.keys()].map((rfilename) => ({ rfilename })),
      });
    case "tree":
      return listTree(hub, tree, url);
    case "resolve":
      return resolveFile(hub, request, route, commit, fault);
  }
  return refuse(404, "NotFound", `no ${verb} of ${rest}`);
}

function listTree(hub: HubServer, tree: Tree, url: URL): Response {
  const begin = Number(url.searchParams.get("cursor") ?? 0);
  const entries = [...tree].sort(([a], [b]) => a < b ? -1 : 1).map((
    [path, { bytes, oid, sha256 }],
  ) => ({
    type: "file",
    path,
    oid,
    size: bytes.length,
    ...(sha256
      ? { lfs: { oid: sha256, size: bytes.length, pointerSize: 134 } }
      : {}),
  }));
  const end = begin + hub.pageSize;
  const headers = new Headers();
  if (end < entries.length) {
    const next = new URL(url.pathname + url.search, hub.url);
    next.searchParams.set("cursor", `${end}`);
    headers.set("Link", `<${next}>; rel="next"`);
  }
  return Response.json(entries.slice(begin, end), { headers });
}

function resolveFile(
  hub: HubServer,
  request: Request,
  { repository, rest }: Route,
  commit: string,
  fault: Fault | undefined,
): Response {
  if (repository.options.gated) {
    const user = hub.userOf(request);
    if (!user?.access?.includes(repository.name)) {
      return refuse(
        user ? 403 : 401,
        "GatedRepo",
        `Access to model ${repository.name} is restricted.`,
      );
    }
  }
  const file = repository.commits.get(commit)!.get(rest);
  if (!file) return refuse(404, "EntryNotFound", "Entry not found");
  const headers = new Headers({ "X-Repo-Commit": commit });
  if (file.sha256) {
    headers.set("X-Linked-Etag", `"${file.sha256}"`);
    headers.set("X-Linked-Size", `${file.bytes.length}`);
    headers.set("Location", `${hub.storageUrl}/lfs/${file.sha256}`);
    return new Response(null, { status: 302, headers });
  }
  headers.set("ETag", `"${file.oid}"`);
  return serveBytes(request, file.bytes, headers, fault);
}
