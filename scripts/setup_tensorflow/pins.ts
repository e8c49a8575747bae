import type { TensorflowBuild } from "../../src/backend/mod.ts";

/** The npm packages, at exact versions; the registry's checksums hold. */
export const npmPackages: Record<string, string> = {
  "@tensorflow/tfjs-node-gpu": "4.22.0",
  "google-protobuf": "3.21.4",
  "node-api-headers": "1.5.0",
};

/** A wheel on PyPI, as pip's hash-checking mode wants it. */
export interface Wheel {
  /** The project's name on PyPI. */
  name: string;
  /** Its exact version. */
  version: string;
  /** SHA-256 of the wheel for Linux on x86_64. */
  sha256: string;
}

/** TensorFlow's version: 2.18 has CUDA 12.5 and kernels for the H100. */
const version = "2.18.1";

/** The wheels of each build. */
export const wheels: Record<TensorflowBuild, readonly Wheel[]> = {
  cpu: [{
    name: "tensorflow-cpu",
    version,
    sha256: "810c75d7149d2da0cb2092187817b0dcabb80728ca9f9cf3a61f3f42fadd1298",
  }],
  // What `pip install tensorflow[and-cuda]` takes, less what is for Python.
  cuda: [{
    name: "tensorflow",
    version,
    sha256: "c9f87e5d2a680a4595f5dc30daf6bbaec9d4129b46d7ef1b2af63c46ac7d2828",
  }, {
    name: "nvidia-cublas-cu12",
    version: "12.5.3.2",
    sha256: "ca070ad70e9fa6654084575d01bd001f30cc4665e33d4bb9fc8e0f321caa034b",
  }, {
    name: "nvidia-cuda-cupti-cu12",
    version: "12.5.82",
    sha256: "bde77a5feb66752ec61db2adfe47f56b941842825b4c7e2068aff27c9d107953",
  }, {
    name: "nvidia-cuda-nvcc-cu12",
    version: "12.5.82",
    sha256: "b03e545b8e8c3ce7ebcd7fc44063180ff52ff01d064ece2127ed90a04ef12cd0",
  }, {
    name: "nvidia-cuda-nvrtc-cu12",
    version: "12.5.82",
    sha256: "3dbd97b0104b4bfbc3c4f8c79cd2496307c89c43c29a9f83125f1d76296ff3fd",
  }, {
    name: "nvidia-cuda-runtime-cu12",
    version: "12.5.82",
    sha256: "3e79a060e126df40fd3a068f3f787eb000fa51b251ec6cd97d09579632687115",
  }, {
    name: "nvidia-cudnn-cu12",
    version: "9.3.0.75",
    sha256: "9ad9c6929ebb5295eb4a1728024666d1c88283373e265a0c5c883e6f9d5cd76d",
  }, {
    name: "nvidia-cufft-cu12",
    version: "11.2.3.61",
    sha256: "9a6e8df162585750f61983a638104a48c756aa13f9f48e19ab079b38e3c828b8",
  }, {
    name: "nvidia-curand-cu12",
    version: "10.3.6.82",
    sha256: "2823fb27de4e44dbb22394a6adf53aa6e1b013aca0f8c22867d1cfae58405536",
  }, {
    name: "nvidia-cusolver-cu12",
    version: "11.6.3.83",
    sha256: "93cfafacde4428b71778eeb092ec615a02a3d05404da1bcf91c53e3fa1bce42b",
  }, {
    name: "nvidia-cusparse-cu12",
    version: "12.5.1.3",
    sha256: "016df8e993c437e8301e62739f01775cba988fd5253cd4c64173f8e8d2f8e752",
  }, {
    name: "nvidia-nccl-cu12",
    version: "2.21.5",
    sha256: "8579076d30a8c24988834445f8d633c697d42397e92ffc3f63fa26766d25e0a0",
  }, {
    name: "nvidia-nvjitlink-cu12",
    version: "12.5.82",
    sha256: "f9b37bc5c8cf7509665cb6ada5aaa0ce65618f2332b7d3e78e9790511f111212",
  }],
};

/** Disk space in bytes: while it installs, and what stays. */
export const diskSpace: Record<
  TensorflowBuild,
  { needed: number; kept: number }
> = {
  cpu: { needed: 1.3e9, kept: 0.9e9 },
  cuda: { needed: 5.5e9, kept: 4.2e9 },
};
