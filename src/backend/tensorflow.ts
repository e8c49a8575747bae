import * as tf from "@tensorflow/tfjs";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { BackendError } from "../fusion_error.ts";
import {
  type TensorflowBuild,
  tensorflowFolder,
  tensorflowPaths,
} from "./tensorflow_folder.ts";

/** What the addon exports, as far as it is used here. */
export interface TensorflowBinding {
  readonly TF_Version: string;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_BOOL: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  isUsingGpuDevice(): boolean;
}

/** An attribute of a TensorFlow operation, as the addon takes it. */
export interface BindingAttribute {
  name: string;
  type: number;
  value: unknown;
}

/** tfjs-node's backend, as far as it is used here. */
export interface TensorflowBackend extends tf.KernelBackend {
  readonly binding: TensorflowBinding;
  executeMultipleOutputs(
    name: string,
    attributes: BindingAttribute[],
    inputs: tf.Tensor[],
    outputs: number,
  ): tf.Tensor[];
}

/** Under this name the stand-ins in the private folder find TensorFlow.js. */
const SHARED_TFJS: unique symbol = Symbol.for("@convnext/fusion/tfjs") as never;

/** A process can hold one copy of TensorFlow's library, for good. */
let loaded: TensorflowBackend | undefined;

function setupCommand(build: TensorflowBuild): string {
  return `deno task setup:tensorflow${build === "cuda" ? " --cuda" : ""}`;
}

/** Variables that TensorFlow's library is told by. */
const VARIABLES = [
  "CUDA_VISIBLE_DEVICES",
  "TF_CPP_MIN_LOG_LEVEL",
  "TF_ENABLE_ONEDNN_OPTS",
  "TF_FORCE_GPU_ALLOW_GROWTH",
];

async function checkPermission(backend: string): Promise<void> {
  const asked: Deno.PermissionDescriptor[] = [
    { name: "ffi" },
    { name: "read", path: tensorflowFolder() },
    ...VARIABLES.map((variable) => ({ name: "env", variable }) as const),
  ];
  for (const descriptor of asked) {
    const { state } = await Deno.permissions.query(descriptor);
    if (state !== "granted") {
      throw new BackendError(
        `backend=${backend}: TensorFlow's library needs --allow-ffi, --allow-read and --allow-env=CUDA_VISIBLE_DEVICES,TF_*; --allow-${descriptor.name} is not given, or not for all that it needs`,
      );
    }
  }
}

function setDefault(variable: string, value: string): void {
  if (Deno.env.get(variable) === undefined) Deno.env.set(variable, value);
}

/**
 * Loads the addon with tfjs-node's kernels, and registers them with this
 * module's TensorFlow.js as its backend `tensorflow`. tfjs-node's own entry
 * point is left aside: it downloads, warns, and pulls in packages not needed.
 */
function load(build: TensorflowBuild): TensorflowBackend {
  const paths = tensorflowPaths(build);
  // Read by TensorFlow's library when it is loaded.
  setDefault("TF_CPP_MIN_LOG_LEVEL", "3");
  setDefault("TF_ENABLE_ONEDNN_OPTS", "1");
  setDefault("TF_FORCE_GPU_ALLOW_GROWTH", "true");
  const require = createRequire(join(paths.folder, "entry.cjs"));
  // tfjs-node calls a function that newer runtimes took out of node:util.
  require("node:util").isNullOrUndefined ??= (value: unknown) => value == null;
  (globalThis as Record<symbol, unknown>)[SHARED_TFJS] = tf;
  const binding: TensorflowBinding = require(paths.binding);
  const kernels = "@tensorflow/tfjs-node-gpu/dist";
  require(`${kernels}/register_all_kernels.js`);
  const { NodeJSKernelBackend } = require(
    `${kernels}/nodejs_kernel_backend.js`,
  );
  const backend = new NodeJSKernelBackend(
    binding,
    "@tensorflow/tfjs-node-gpu",
  );
  tf.registerBackend("tensorflow", () => backend);
  return backend;
}

/** The name of the first NVIDIA GPU, from its driver. */
function gpuName(): string {
  try {
    const gpus = "/proc/driver/nvidia/gpus";
    for (const { name } of Deno.readDirSync(gpus)) {
      const text = Deno.readTextFileSync(join(gpus, name, "information"));
      const model = text.match(/^Model:\s*(.+)$/m)?.[1];
      if (model !== undefined) return model;
    }
  } catch {
    // Containers often hide these files; the GPU works all the same.
  }
  return "NVIDIA GPU";
}

/**
 * Starts TensorFlow's own library.
 *
 * @param backend `tensorflow` computes on all CPU cores, `cuda` on a GPU.
 * @param register Registers kernels of ours, when the backend is first there.
 * @returns The device, for people.
 */
export async function startTensorflow(
  backend: "tensorflow" | "cuda",
  register: () => void,
): Promise<string> {
  const builds: TensorflowBuild[] = backend === "cuda"
    ? ["cuda"]
    : ["cpu", "cuda"];
  const mend = setupCommand(backend === "cuda" ? "cuda" : "cpu");
  await checkPermission(backend);
  const build = builds.find((name) =>
    existsSync(tensorflowPaths(name).binding)
  );
  if (build === undefined) {
    throw new BackendError(
      `backend=${backend}: TensorFlow's library is not in ${
        tensorflowPaths(builds[0]!).folder
      }; install it with: ${mend}`,
    );
  }
  if (backend === "cuda" && !existsSync("/dev/nvidiactl")) {
    throw new BackendError(
      "backend=cuda: this machine has no NVIDIA GPU or no driver for it (/dev/nvidiactl is missing); use backend=tensorflow for the CPU",
    );
  }
  if (loaded === undefined) {
    if (backend === "tensorflow" && build === "cuda") {
      // The GPU build computes on the CPU when it sees no GPU.
      Deno.env.set("CUDA_VISIBLE_DEVICES", "-1");
    }
    try {
      loaded = load(build);
      register();
    } catch (error) {
      const reason = String((error as Error).message ?? error).split("\n")[0];
      throw new BackendError(
        `backend=${backend}: TensorFlow's library does not load (${reason}); install it anew with: ${mend} --remove && ${mend}`,
        { cause: error },
      );
    }
  }
  const onGpu = loaded.binding.isUsingGpuDevice();
  if (backend === "cuda" && !onGpu) {
    throw new BackendError(
      "backend=cuda: TensorFlow's library finds no GPU that it can use; is the driver for CUDA 12.5 or newer (nvidia-smi tells)? Use backend=tensorflow for the CPU",
    );
  }
  if (backend === "tensorflow" && onGpu) {
    throw new BackendError(
      "backend=tensorflow: this process already runs TensorFlow on the GPU; start another one for the CPU",
    );
  }
  await tf.setBackend("tensorflow");
  await tf.ready();
  const cores = navigator.hardwareConcurrency;
  return `TensorFlow ${loaded.binding.TF_Version}, ${
    onGpu ? gpuName() : `${cores} CPU ${cores === 1 ? "core" : "cores"}`
  }`;
}

/**
 * The running TensorFlow backend, for operations that TensorFlow.js has no
 * name for.
 *
 * @returns `undefined` when another backend is active.
 */
export function activeTensorflow(): TensorflowBackend | undefined {
  return loaded !== undefined && tf.getBackend() === "tensorflow"
    ? loaded
    : undefined;
}

/** Whether the active backend computes on this machine's processor. */
export function computesOnProcessor(): boolean {
  const tensorflow = activeTensorflow();
  if (tensorflow) return !tensorflow.binding.isUsingGpuDevice();
  return ["cpu", "wasm"].includes(tf.getBackend());
}
