import { hasVulkanDriver, probeProvider } from '../../toolkit/onnx/provider/probe.ts';

/**
 * Returns why tests of WebGPU cannot run here; undefined if they can.
 *
 * They need a Vulkan driver; for machines without a GPU, Debian 13's packages mesa-vulkan-drivers and libvulkan1
 * provide one. Elsewhere, `VK_DRIVER_FILES` names the driver, and `LD_LIBRARY_PATH` the folder of libvulkan.so.1.
 */
export async function webgpuMissing(): Promise<string | undefined> {
  if (process.platform === 'linux' && !hasVulkanDriver()) return 'no Vulkan driver is installed';
  return (await probeProvider('webgpu')).error;
}
