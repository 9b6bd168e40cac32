import { type Stats, statSync } from 'node:fs';
import { ReigniteError } from '../errors.ts';
import { asSystemError } from './disk-error.ts';

/**
 * Rejects a named pipe, a device or a socket. Call it before opening: opening a pipe waits for its writer and cannot be
 * interrupted by a signal, and reading a device may never end.
 *
 * @param found - The result of `stat` for the path.
 * @throws ReigniteError USAGE.
 */
export function refuseStream(path: string, found: Stats): void {
  if (found.isFile() || found.isDirectory()) return;
  const kind = found.isFIFO() ? 'a named pipe' : found.isSocket() ? 'a socket' : 'a device';
  throw new ReigniteError('USAGE', `${path} is ${kind}, not a file.`, {
    remedy: 'Save its content as a file, and name that file.',
  });
}

/**
 * Rejects anything but a regular file.
 *
 * @throws ReigniteError FILE_MISSING, NOT_READABLE; USAGE for a folder, a named pipe, a device or a socket.
 * @example requireRegularFile('model.onnx');
 */
export function requireRegularFile(path: string): void {
  const found = statOf(path);
  refuseStream(path, found);
  if (!found.isDirectory()) return;
  throw new ReigniteError('USAGE', `${path} is a folder, not a file.`, { remedy: 'Name a file in it.' });
}

function statOf(path: string): Stats {
  try {
    return statSync(path);
  } catch (cause) {
    const known = asSystemError(cause);
    if (known instanceof ReigniteError && known.code === 'NOT_READABLE') throw known;
    throw new ReigniteError('FILE_MISSING', `File not found: ${path}.`, { cause });
  }
}
