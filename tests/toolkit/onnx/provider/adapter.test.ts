import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cudaObstacle, parseLdd } from '../../../../toolkit/onnx/provider/cuda.ts';
import {
  kernelModule,
  parseAdapters,
  parseMemory,
  usedGpu,
  visibleGpus,
} from '../../../../toolkit/onnx/provider/nvidia.ts';
import { hasVulkanDriver, parseLoaderLog, vulkanDriver } from '../../../../toolkit/onnx/provider/probe.ts';
import { adapterText, isRealGpu } from '../../../../toolkit/onnx/session/engine-choice.ts';
import { errorClause } from '../../../../toolkit/onnx/session/session.ts';
import { temporaryFolder } from '../../../support/in-temporary-folder.ts';

/** As version 1.3.239 of the Vulkan loader writes it. */
const LISTED = [
  'INFO | DRIVER:    linux_read_sorted_physical_devices:',
  'INFO | DRIVER:         Original order:',
  'INFO | DRIVER:               [0] llvmpipe (LLVM 15.0.6, 256 bits)',
  'INFO | DRIVER:               [1] NVIDIA RTX A5000',
  'INFO | DRIVER:         Sorted order:',
  'INFO | DRIVER:               [0] NVIDIA RTX A5000  ',
  'INFO | DRIVER:               [1] llvmpipe (LLVM 15.0.6, 256 bits)  ',
].join('\n');
const CREATED =
  'DRIVER | LAYER:          Using "llvmpipe (LLVM 15.0.6, 256 bits)" with driver: "/mesa/libvulkan_lvp.so"';

describe('the adapter of WebGPU', () => {
  it('is the device that was created; a software rasteriser is named as such', () => {
    const { library, ...names } = parseLoaderLog(`${LISTED}\n${CREATED}\n`);
    expect(names).toEqual({ adapter: 'llvmpipe (LLVM 15.0.6, 256 bits), software rasteriser' });
    expect(library).toBe('/mesa/libvulkan_lvp.so');
    expect(isRealGpu(names)).toBe(false);
  });

  it('is the hardware among the listed devices if the loader does not say which one was created', () => {
    const names = parseLoaderLog(LISTED);
    expect(names).toEqual({ adapter: 'NVIDIA RTX A5000' });
    expect(isRealGpu(names)).toBe(true);
  });

  it('is unknown, and does not count as a GPU, if nothing names it', () => {
    expect(parseLoaderLog('Warning: something else [0 of 3]')).toEqual({});
    expect(isRealGpu({})).toBe(false);
    expect(isRealGpu({ adapter: 'adapter unknown' })).toBe(false);
    expect(adapterText({})).toBe('adapter unknown');
  });

  it('shows the version of its driver if the library contains it', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'libvulkan_lvp.so'), '\0\0abcMesa 25.0.7-2~bpo12+1 (LLVM 15.0.6)\0');
    expect(vulkanDriver(join(folder, 'libvulkan_lvp.so'))).toBe('Mesa 25.0.7');
    expect(vulkanDriver(join(folder, 'libvk_swiftshader.so'))).toBe('libvk_swiftshader.so');
  });

  it('is looked up only if a driver is installed or named', async () => {
    const folder = await temporaryFolder();
    const nowhere = { HOME: folder, XDG_CONFIG_DIRS: folder, XDG_DATA_DIRS: folder };
    const named = join(folder, 'vulkan', 'icd.d', 'x.json');
    expect(hasVulkanDriver({ ...nowhere, VK_DRIVER_FILES: named })).toBe(false);
    await mkdir(join(folder, 'vulkan', 'icd.d'), { recursive: true });
    await writeFile(named, '{}');
    expect(hasVulkanDriver({ ...nowhere, VK_DRIVER_FILES: named })).toBe(true);
    expect(hasVulkanDriver(nowhere)).toBe(true);
  });
});

describe('NVIDIA', () => {
  it('names GPU, memory and driver as nvidia-smi prints them', () => {
    expect(parseAdapters('NVIDIA H200, 580.95.05, 143771 MiB\nNVIDIA H200, 580.95.05, 143771 MiB\n')).toEqual({
      adapter: 'NVIDIA H200 (140.4 GiB)',
      driver: '580.95.05',
    });
    expect(parseAdapters('NVIDIA-SMI has failed because it could not communicate with the driver.\n')).toEqual({});
  });

  describe('of several GPUs', () => {
    const lines = [
      'NVIDIA H200, 580.95.05, 143771 MiB, GPU-1a2b-3c',
      'NVIDIA T4, 580.95.05, 15360 MiB, GPU-4d5e-6f',
      'NVIDIA GB10, 580.95.05, [N/A], GPU-7a8b-9c',
    ].join('\n');
    const [large, small] = ['NVIDIA H200 (140.4 GiB)', 'NVIDIA T4 (15.0 GiB)'];

    it.each([
      [0, undefined, large, 143771],
      [1, undefined, small, 15360],
      [0, '1', small, 15360],
      [1, '1, 0', large, 143771],
      [0, 'GPU-4d5e', small, 15360],
      [2, undefined, 'NVIDIA GB10', undefined],
    ] as const)('is the one that is used: %i of %s', (device, visible, adapter, mebibytes) => {
      const used = usedGpu(device, visible === undefined ? {} : { CUDA_VISIBLE_DEVICES: visible });
      expect(parseAdapters(lines, used)).toEqual({ adapter, driver: '580.95.05' });
      expect(parseMemory(lines, used)).toBe(mebibytes === undefined ? undefined : mebibytes * 2 ** 20);
    });

    it.each([
      [3, undefined],
      [1, '1,7,0'],
      [0, ''],
      [0, 'MIG-1'],
    ])('is all of them where it is not known which one is used: %i of %s', (device, visible) => {
      const used = usedGpu(device, visible === undefined ? {} : { CUDA_VISIBLE_DEVICES: visible });
      expect(parseAdapters(lines, used).adapter).toBe(`${large} and ${small} and NVIDIA GB10`);
      expect(parseMemory(lines, used)).toBe(15360 * 2 ** 20);
    });

    it.each([
      [undefined, [large, small, 'NVIDIA GB10']],
      ['1, 0', [small, large]],
      ['GPU-7a8b,9,0', ['NVIDIA GB10']],
      ['', []],
    ])('are listed as CUDA numbers them, of %s', (visible, names) => {
      const environment = visible === undefined ? {} : { CUDA_VISIBLE_DEVICES: visible };
      const gpus = visibleGpus(environment, lines);
      expect(gpus?.map(({ adapter }) => adapter)).toEqual(names);
    });

    it('are unknown without an answer, and if only parts of a GPU are visible', async () => {
      expect(visibleGpus({ CUDA_VISIBLE_DEVICES: 'MIG-1' }, lines)).toBeUndefined();
      expect(visibleGpus({}, 'failed', await temporaryFolder())).toBeUndefined();
    });
  });

  it.each([
    'NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue Sep 23 10:11:16 UTC 2025\n',
    'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build\n',
  ])('is read from the kernel module where nvidia-smi is missing: %s', async (version) => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'gpus', '0000:01:00.0'), { recursive: true });
    await writeFile(join(folder, 'version'), version);
    await writeFile(join(folder, 'gpus', '0000:01:00.0', 'information'), 'Model: \t\t NVIDIA H200\nIRQ:   16\n');
    expect(kernelModule(folder)).toEqual({ adapter: 'NVIDIA H200', driver: '580.95.05' });
    expect(kernelModule(join(folder, 'gpus'))).toEqual({});
    await mkdir(join(folder, 'gpus', '0000:02:00.0'));
    await writeFile(join(folder, 'gpus', '0000:02:00.0', 'information'), 'Model: \t\t NVIDIA T4\nIRQ:   17\n');
    expect(kernelModule(folder, usedGpu(1, {})).adapter).toBe('NVIDIA T4');
  });
});

describe('what keeps CUDA from running', () => {
  const needs = parseLdd(
    ['\tlibcublas.so.13 => not found', '\tlibcudart.so.13 => /lib/libcudart.so.13 (0x00007f)'].join('\n'),
  );

  it('names the driver first', () => {
    expect(cudaObstacle({ needs })?.reason).toBe('no NVIDIA driver was found');
    expect(cudaObstacle({ driver: '535.129.03', needs })).toEqual({
      reason: 'the NVIDIA driver 535.129.03 is too old for CUDA 13',
      remedy: 'Install NVIDIA driver 580 or later.',
    });
    expect(cudaObstacle({ driver: '535.129.03' })?.reason).toContain('too old for CUDA 13');
    expect(cudaObstacle({ driver: '535.129.03', needs: { missing: [], cuda: 12 } })).toBeUndefined();
  });

  it('then names the files, then each library that the loader does not find', () => {
    expect(cudaObstacle({ driver: '580.95.05' })?.reason).toBe('the CUDA provider is not installed');
    expect(cudaObstacle({ driver: '580.95.05', needs })?.reason).toBe('the loader does not find libcublas.so.13');
    expect(cudaObstacle({ driver: '580.95.05', needs: { ...needs, missing: [] } })).toBeUndefined();
  });
});

describe('a GPU that CUDA does not see', () => {
  const [h200, t4] = [{ adapter: 'NVIDIA H200' }, { adapter: 'NVIDIA T4' }];
  const sound = { driver: '580.95.05', needs: { missing: [], cuda: 13 } };

  it.each([
    [[h200], 'there is no GPU 3, only GPU 0 (NVIDIA H200)'],
    [[h200, t4], 'there is no GPU 3, only GPUs 0 to 1'],
    [[], 'CUDA_VISIBLE_DEVICES leaves no GPU'],
  ])('is said to be missing: %j', (gpus, reason) => {
    expect(cudaObstacle({ ...sound, gpus, device: 3 })?.reason).toBe(reason);
  });

  it('is not looked up if the GPUs are unknown', () => {
    expect(cudaObstacle({ ...sound, device: 3 })).toBeUndefined();
    expect(cudaObstacle({ ...sound, gpus: [h200, t4], device: 1 })).toBeUndefined();
  });
});

it('says what went wrong, without source positions of ONNX Runtime', () => {
  const error = new Error(
    '/onnxruntime_src/onnxruntime/core/x.cc:136 f(const A&)::<lambda()> status == S::Success was false. No adapters.\nmore',
  );
  expect(errorClause(error)).toBe('No adapters');
});
