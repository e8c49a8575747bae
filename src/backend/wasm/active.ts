import * as tf from "@tensorflow/tfjs";
import { type WasmProgram, wasmProgram } from "./program.ts";
import { Team } from "./team.ts";

/** What is used of TensorFlow.js' WebAssembly backend. */
interface WasmBackend {
  readonly wasm: {
    readonly wasmMemory?: WebAssembly.Memory;
    readonly asm?: { readonly memory?: WebAssembly.Memory };
  };
  readonly dataIdMap: {
    get(dataId: tf.DataId): { readonly memoryOffset: number | null };
  };
}

/** What runs on the active backend's memory. */
interface Prepared {
  backend: WasmBackend;
  program?: WasmProgram;
  team?: () => Team;
}

let prepared: Prepared | undefined;
let threads = 1;

/** Sets with how many threads the backend computes that is started next. */
export function setThreads(count: number): void {
  threads = count;
}

function prepare(backend: WasmBackend): Prepared {
  const memory = backend.wasm.wasmMemory ?? backend.wasm.asm?.memory;
  if (!memory) return { backend };
  const shared = !(memory.buffer instanceof ArrayBuffer);
  try {
    const module = new WebAssembly.Module(wasmProgram(shared));
    const program = new WebAssembly.Instance(module, { tfjs: { memory } })
      .exports as unknown as WasmProgram;
    let team: Team | undefined;
    return {
      backend,
      program,
      team: () =>
        team ??= new Team(module, memory, program, shared ? threads : 1),
    };
  } catch (error) {
    // A runtime without SIMD: TensorFlow.js' own operations do it.
    if (!(error instanceof WebAssembly.CompileError)) throw error;
    return { backend };
  }
}

function active(): Prepared | undefined {
  if (tf.getBackend() !== "wasm") return undefined;
  const backend = tf.backend() as unknown as WasmBackend;
  if (prepared?.backend !== backend) prepared = prepare(backend);
  return prepared;
}

/** The program on the active backend's memory, where there is one. */
export function activeProgram(): WasmProgram | undefined {
  return active()?.program;
}

/** The threads that compute blocks on the active backend, made when first used. */
export function activeTeam(): Team | undefined {
  return active()?.team?.();
}

/** Where a tensor's values are. */
export function addressOf({ dataId }: tf.Tensor): number {
  const { memoryOffset } = (tf.backend() as unknown as WasmBackend).dataIdMap
    .get(dataId);
  // Undefined, not null, would be a backend of another version.
  return memoryOffset!;
}
