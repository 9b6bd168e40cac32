import { z } from 'zod';

/** The GPU that a provider runs on, as cache keys and environment.json name it. */
export const AdapterNames = z.object({
  adapter: z
    .string()
    .exactOptional()
    .describe('GPU that the provider runs on, or the software rasteriser in its place; missing for the CPU'),
  driver: z.string().exactOptional().describe('Its driver with the version'),
});
export type AdapterNames = z.infer<typeof AdapterNames>;

/** Recorded if neither the driver nor the system names the adapter. */
export const UNKNOWN_ADAPTER = 'adapter unknown';

/** Vulkan and Direct3D drivers that compute on the CPU. */
const SOFTWARE = /llvmpipe|lavapipe|softpipe|swiftshader|basic render/i;
const MARK = ', software rasteriser';

/** Returns the name of an adapter, marked if it is a software rasteriser. */
export function adapterName(name: string): string {
  return SOFTWARE.test(name) ? `${name}${MARK}` : name;
}

/** Returns whether an adapter is known to be hardware. */
export function isRealGpu({ adapter }: AdapterNames): boolean {
  return adapter !== undefined && adapter !== UNKNOWN_ADAPTER && !adapter.includes(MARK);
}

/** Formats adapter and driver, such as `NVIDIA H200 (139.8 GiB), driver 580.95.05`. */
export function adapterText({ adapter = UNKNOWN_ADAPTER, driver }: AdapterNames): string {
  return driver === undefined ? adapter : `${adapter}, driver ${driver}`;
}

/** Picks the two names from a larger object, to spread them into keys and documents. */
export function adapterNames({ adapter, driver }: AdapterNames): AdapterNames {
  return { ...(adapter !== undefined && { adapter }), ...(driver !== undefined && { driver }) };
}
