/**
 * Where models and data sets are: a folder, or a repository of the Hugging Face
 * hub -> local files; and back to the hub.
 *
 * @module
 */
export { hubCacheFolder } from "./cache_folder.ts";
export {
  type DownloadListener,
  type DownloadProgress,
  setDownloadListener,
} from "./download_progress.ts";
export {
  downloadRepository,
  type DownloadRepositoryOptions,
} from "./download_repository.ts";
export { HubError, type HubErrorCode } from "./hub_error.ts";
export { type PublicName, publicName } from "./public_name.ts";
export { pushToHub, type PushToHubOptions } from "./push_to_hub.ts";
export type { RepositoryType } from "./repository_id.ts";
export {
  resolveModelPath,
  type ResolveModelPathOptions,
} from "./resolve_model_path.ts";
export type { HubOptions } from "./settings.ts";
