import { findRoute, refuse } from "./download_routes.ts";
import type { HubServer } from "./hub_server.ts";
import {
  isLarge,
  type StoredFile,
  StoredRepository,
  storeFile,
} from "./stored_repository.ts";

/** What writes to repositories; undefined where a request does not. */
export async function commitRoutes(
  hub: HubServer,
  request: Request,
  url: URL,
): Promise<Response | undefined> {
  if (request.method !== "POST") return undefined;
  const user = hub.userOf(request);
  if (!user) {
    return new Response("Invalid username or password", { status: 401 });
  }
  if (!user.write) {
    return refuse(403, "Forbidden", "the token may not write");
  }
  if (url.pathname === "/api/repos/create") {
    return createRepository(hub, user.name, await request.json());
  }
  if (url.pathname.endsWith(".git/info/lfs/objects/batch")) {
    return lfsBatch(hub, await request.json());
  }
  const route = findRoute(hub, request, url);
  if (route instanceof Response) return route;
  const { repository, verb, revision } = route;
  if (repository.owner !== user.name) {
    return refuse(403, "Forbidden", "the user may not write here");
  }
  switch (verb) {
    case "preupload": {
      const { files } = await request.json();
      return Response.json({
        files: files.map(({ path, size }: { path: string; size: number }) => ({
          path,
          uploadMode: isLarge(path, size) ? "lfs" : "regular",
        })),
      });
    }
    case "commit":
      return commit(hub, repository, revision, await request.text());
  }
  return undefined;
}

function createRepository(
  hub: HubServer,
  user: string,
  { name, organization, visibility, type = "model" }: Record<string, string>,
): Response {
  if (organization !== user) {
    return refuse(403, "Forbidden", `no right to create in ${organization}`);
  }
  const key = `${type}s/${organization}/${name}`;
  const url = `${hub.url}/${organization}/${name}`;
  if (hub.repositories.has(key)) {
    return Response.json(
      { error: "You already created this model repo", url },
      { status: 409 },
    );
  }
  hub.repositories.set(
    key,
    new StoredRepository(`${organization}/${name}`, {
      private: visibility === "private",
    }),
  );
  return Response.json({ url, id: "0", name: `${organization}/${name}` });
}

function lfsBatch(
  hub: HubServer,
  { objects }: { objects: { oid: string; size: number }[] },
): Response {
  return Response.json({
    transfer: "basic",
    objects: objects.map((object) => ({
      ...object,
      ...(hub.uploads.has(object.oid) ? {} : {
        actions: {
          upload: { href: `${hub.storageUrl}/upload/${object.oid}` },
        },
      }),
    })),
  });
}

/** A commit comes as lines of JSON: a header, then what changes. */
function commit(
  hub: HubServer,
  repository: StoredRepository,
  branch: string,
  text: string,
): Response {
  const parent = repository.resolve(branch);
  if (parent === undefined) return refuse(404, "RevisionNotFound");
  const tree = new Map<string, StoredFile>(repository.commits.get(parent)!);
  let title = "";
  for (const line of text.split("\n")) {
    const { key, value } = JSON.parse(line);
    if (key === "header") title = value.summary;
    if (key === "file") {
      const bytes = value.encoding === "base64"
        ? Uint8Array.from(atob(value.content), (c) => c.charCodeAt(0))
        : value.content;
      tree.set(value.path, storeFile(value.path, bytes));
    }
    if (key === "lfsFile") {
      const bytes = hub.uploads.get(value.oid);
      const file = bytes && storeFile(value.path, bytes);
      if (!file || file.sha256 !== value.oid || bytes.length !== value.size) {
        return refuse(400, "BadRequest", `${value.path} was not uploaded`);
      }
      tree.set(value.path, file);
    }
    if (key === "deletedFile") tree.delete(value.path);
  }
  const id = repository.commit(branch, tree, title);
  return Response.json({
    success: true,
    commitOid: id,
    commitUrl: `${hub.url}/${repository.name}/commit/${id}`,
    hookOutput: "",
  });
}
