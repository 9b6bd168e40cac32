/**
 * Reads and writes NumPy's .npy files.
 *
 * @example
 * import { readNpy } from 'reignite/npy';
 * const { shape, data } = await readNpy('inference/pdl1/nuclei/roi.npy');
 *
 * @module
 */
export { decodeNpy, encodeNpy, type NpyArray, readNpy, writeNpy } from '../toolkit/numpy.ts';
