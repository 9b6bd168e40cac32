import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { statIfThere } from '../toolkit/files/file-access.ts';

/** A wheel on PyPI and the libraries to extract from it. */
export interface GpuWheel {
  /** Project in the index. */
  readonly project: string;
  readonly file: string;
  readonly bytes: number;
  /** Of the wheel, in lower-case hex, like `md5`. */
  readonly sha256: string;
  readonly md5: string;
  /** `provider` is loaded by ONNX Runtime from its own folder, `lib` by the dynamic loader. */
  readonly kind: 'provider' | 'lib';
  /** Names of the libraries, without their folders. */
  readonly libraries: readonly string[];
  /** Total size of the libraries in bytes. */
  readonly unpackedBytes: number;
  readonly licence: string;
}

/** Version of onnxruntime-node that matches the provider below: both are built from the same commit. */
export const GPU_ORT_VERSION = '1.30.0';

const CUDA_LICENCE = 'NVIDIA CUDA Toolkit EULA';
const CUDNN_LICENCE = 'NVIDIA cuDNN Software License Agreement';

/** What ONNX Runtime needs for CUDA 13 on Linux x64, with an NVIDIA driver of version 580 or later. */
export const GPU_WHEELS: readonly GpuWheel[] = [
  {
    project: 'onnxruntime-gpu',
    file: 'onnxruntime_gpu-1.30.0-cp312-cp312-manylinux_2_28_x86_64.whl',
    bytes: 246_685_715,
    sha256: '6acc0f4b3d5ac5f2984432faa59dd8fcce6775f8b43a7140afa0f322c7a703b1',
    md5: 'd08944c2d15a1fa3c382fe6cae87d04c',
    kind: 'provider',
    libraries: ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'],
    unpackedBytes: 272_064_536,
    licence: 'MIT',
  },
  {
    project: 'nvidia-cublas',
    file: 'nvidia_cublas-13.0.2.14-py3-none-manylinux_2_27_x86_64.whl',
    bytes: 420_882_912,
    sha256: '0cf238ffdbe46c00cb9aa98e7bca745c223a5ca5a53e686ac8b3e5a08fe80d6c',
    md5: 'eece96b24ae912c5d4fff63b05f6f765',
    kind: 'lib',
    libraries: ['libcublas.so.13', 'libcublasLt.so.13'],
    unpackedBytes: 593_973_192,
    licence: CUDA_LICENCE,
  },
  {
    project: 'nvidia-cuda-runtime',
    file: 'nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    bytes: 2_243_632,
    sha256: '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548',
    md5: 'b4c5770f0aaf2ce3f5a72787fd2768e8',
    kind: 'lib',
    libraries: ['libcudart.so.13'],
    unpackedBytes: 704_288,
    licence: CUDA_LICENCE,
  },
  {
    project: 'nvidia-curand',
    file: 'nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl',
    bytes: 59_544_258,
    sha256: '1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc',
    md5: '799e4fb58e04c775d4cca86e2bad289c',
    kind: 'lib',
    libraries: ['libcurand.so.10'],
    unpackedBytes: 132_698_328,
    licence: CUDA_LICENCE,
  },
  {
    project: 'nvidia-cufft',
    file: 'nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    bytes: 214_085_489,
    sha256: '6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3',
    md5: '25e563fe66ed66265f758e8b7f11ba52',
    kind: 'lib',
    libraries: ['libcufft.so.12'],
    unpackedBytes: 286_542_352,
    licence: CUDA_LICENCE,
  },
  {
    project: 'nvidia-cudnn-cu13',
    file: 'nvidia_cudnn_cu13-9.19.0.56-py3-none-manylinux_2_27_x86_64.whl',
    bytes: 366_066_321,
    sha256: 'd20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf',
    md5: 'd77771c8d81ca04a6fdcd78d5ea82875',
    kind: 'lib',
    libraries: [
      'libcudnn.so.9',
      'libcudnn_adv.so.9',
      'libcudnn_cnn.so.9',
      'libcudnn_engines_precompiled.so.9',
      'libcudnn_engines_runtime_compiled.so.9',
      'libcudnn_graph.so.9',
      'libcudnn_heuristic.so.9',
      'libcudnn_ops.so.9',
    ],
    unpackedBytes: 493_410_144,
    licence: CUDNN_LICENCE,
  },
  {
    project: 'nvidia-cuda-nvrtc',
    file: 'nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
    bytes: 90_215_200,
    sha256: 'ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575',
    md5: '4fa66889b2278cd071d938563eb626c1',
    kind: 'lib',
    libraries: ['libnvrtc.so.13', 'libnvrtc-builtins.so.13.0'],
    unpackedBytes: 113_718_680,
    licence: CUDA_LICENCE,
  },
];

const ASK_MS = 10_000;
const QUESTION = 'import site; print("\\n".join([*site.getsitepackages(), site.getusersitepackages()]))';

/** Returns the package folders of the `python3` on PATH, including those of an active virtual environment. */
export function pythonPackageFolders(): readonly string[] {
  try {
    const output = execFileSync('python3', ['-c', QUESTION], {
      encoding: 'utf8',
      timeout: ASK_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return output.split('\n').filter((line) => line !== '');
  } catch {
    return [];
  }
}

/**
 * Finds NVIDIA's libraries in the packages that PyTorch installs: `nvidia/<package>/lib` below a package folder.
 *
 * @param names - Names of the libraries, such as `libcudart.so.13`.
 * @param roots - Package folders of Python.
 * @returns Path by name; undefined unless all are found.
 */
export async function findLibraries(
  names: readonly string[],
  roots: readonly string[],
): Promise<ReadonlyMap<string, string> | undefined> {
  const found = new Map<string, string>();
  for (const root of roots) {
    for (const vendor of await namesIn(join(root, 'nvidia'))) {
      for (const name of names) {
        const path = join(root, 'nvidia', vendor, 'lib', name);
        if (!found.has(name) && (await statIfThere(path))?.isFile() === true) found.set(name, path);
      }
    }
  }
  return names.every((name) => found.has(name)) ? found : undefined;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
