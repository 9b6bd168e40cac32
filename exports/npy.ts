/**
 * Reads and writes NumPy's .npy files.
 *
 * @module
 */
export { decodeNpy, encodeNpy, type NpyArray, readNpy, writeNpy } from '../toolkit/numpy/npy.ts';
