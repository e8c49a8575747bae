/**
 * Where models are: a repository id of the Hugging Face hub, or a folder ->
 * local files.
 *
 * @module
 */
export { hubCacheFolder } from "./cache_folder.ts";
export * from "./resolve_model_path.ts";
