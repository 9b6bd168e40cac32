import { describe, expect, it } from 'vitest';
import { gpuOf } from '../../../cli/maintain/worker.ts';
import { cudaObstacle } from '../../../toolkit/onnx/provider/cuda.ts';

const ONE_GPU = { driver: '580.95.05', needs: { missing: [], cuda: 13 }, gpus: [{ adapter: 'NVIDIA T4 (15.0 GiB)' }] };

describe('the GPU of a worker', () => {
  it('is the one that --device names', () => {
    expect(gpuOf({}, ['inference'])).toEqual({});
    expect(gpuOf({ device: 0 }, ['inference'], (device) => cudaObstacle({ ...ONE_GPU, device }))).toEqual({
      device: 0,
    });
  });

  it('is rejected before work is accepted if CUDA cannot use it', () => {
    expect(() => gpuOf({ device: 3 }, ['inference'], (device) => cudaObstacle({ ...ONE_GPU, device }))).toThrow(
      expect.objectContaining({
        code: 'PROVIDER_UNAVAILABLE',
        message: 'GPU 3, which `--device` names, cannot be used: there is no GPU 3, only GPU 0 (NVIDIA T4 (15.0 GiB)).',
        remedy: 'Name a GPU that `npx reignite doctor` lists.',
      }),
    );
  });

  it('is rejected if no activity would use it, or if its number is invalid', () => {
    expect(() => gpuOf({ device: 0 }, ['render', 'download'])).toThrow(expect.objectContaining({ code: 'USAGE' }));
    for (const device of [-1, 1.5, 64, Number.NaN]) {
      expect(() => gpuOf({ device }, ['inference'])).toThrow(expect.objectContaining({ code: 'USAGE' }));
    }
  });
});
