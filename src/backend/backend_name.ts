/**
 * A TensorFlow.js backend: `cuda` and `tensorflow` run TensorFlow's own
 * library (on an NVIDIA GPU, on all CPU cores), `webgpu` the GPU that Deno
 * finds, `wasm` and `cpu` need nothing but Deno.
 */
export type BackendName = "cuda" | "tensorflow" | "webgpu" | "wasm" | "cpu";

/** What a user may ask for: a backend, or the best one that works. */
export type BackendChoice = BackendName | "auto";

/** The backends that `auto` tries, in this order. */
export const AUTO_ORDER: readonly BackendName[] = [
  "cuda",
  "tensorflow",
  "webgpu",
  "wasm",
];

/** Every value of `backend=…`. */
export const BACKEND_CHOICES: readonly BackendChoice[] = [
  "auto",
  ...AUTO_ORDER,
  "cpu",
];

/** The backend that runs, and on what. */
export interface ActiveBackend {
  /** Which backend it is. */
  name: BackendName;
  /** The device and the library, for people: `wasm SIMD, 1 thread`. */
  device: string;
}
