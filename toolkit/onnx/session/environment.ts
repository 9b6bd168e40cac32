import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import * as ort from 'onnxruntime-node';

/** CPU flags by which ONNX Runtime chooses its kernels. Other kernels may round differently. */
const TELLING = /^(avx\w*|amx\w*|fma\w*|f16c|sse4_[12]|asimd\w*|sve\w*|bf16|i8mm)$/;

/**
 * Names the kind of CPU. Results are bit-identical only on the same kind.
 *
 * @returns Architecture, model and, on Linux, the vector extensions, e.g. `x64 AMD EPYC 7763 avx avx2 f16c fma`.
 */
export function instructionSet(): string {
  return [process.arch, cpus()[0]?.model.trim() ?? 'unknown', ...vectorExtensions()].join(' ');
}

function vectorExtensions(): readonly string[] {
  if (process.platform !== 'linux') return [];
  try {
    const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
    return flags
      .split(/\s+/)
      .filter((flag) => TELLING.test(flag))
      .sort();
  } catch {
    return [];
  }
}

/** Version of the ONNX Runtime in use. */
export function ortVersion(): string {
  return ort.env.versions.node ?? ort.env.versions.common;
}

/** Variables that NVIDIA's libraries read. These values override those of the user. */
export const CUDA_VARIABLES = {
  /** Full float32, as the cache keys say. onnxruntime-node cannot pass `use_tf32` to the provider. */
  NVIDIA_TF32_OVERRIDE: '0',
  /** Numbers GPUs like `nvidia-smi`. By default, CUDA gives number 0 to the fastest one. */
  CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
} as const;

/**
 * Sets {@link CUDA_VARIABLES}. NVIDIA's libraries read the environment when they are loaded, which is with the first
 * session on CUDA.
 *
 * Only the main thread can change the environment of the process; other threads have a copy.
 */
export function setCudaVariables(): void {
  if (isMainThread) Object.assign(process.env, CUDA_VARIABLES);
}

/** Returns whether `setCudaVariables` was called before this thread was started. */
export function areCudaVariablesSet(environment: NodeJS.ProcessEnv = process.env): boolean {
  return Object.entries(CUDA_VARIABLES).every(([name, value]) => environment[name] === value);
}
