import { type FileHandle, open } from 'node:fs/promises';
import { vi } from 'vitest';

/** What `fd` of a closed file handle is. */
export const CLOSED = -1;

/**
 * Watches a method of all file handles.
 *
 * @param error - The method then throws this, and does nothing.
 * @returns The handles it was called on, and a function that ends the watch.
 */
export async function watchedHandles(method: 'stat' | 'truncate', error?: Error) {
  const probe = await open(process.execPath);
  const prototype: FileHandle = Object.getPrototypeOf(probe);
  await probe.close();
  const handles: FileHandle[] = [];
  const original = prototype[method];
  const spy = vi.spyOn(prototype, method).mockImplementation(function watched(this: FileHandle, ...given: unknown[]) {
    handles.push(this);
    return error === undefined ? Reflect.apply(original, this, given) : Promise.reject(error);
  });
  return { handles, restore: () => spy.mockRestore() };
}
