import { join } from 'node:path';
import { sweepTemporaries } from '../../files/atomic-write.ts';
import { makeFolder } from '../../files/folders.ts';
import { readModel } from '../../onnx/file/read-model.ts';
import { isAsWritten, recordDigest, writeModel } from '../../onnx/file/write-model.ts';
import { ANY_LENGTH, type ValueInfo } from '../../onnx/graph/graph.ts';
import type { DetectorCard } from '../detector-card.ts';

/** Subfolder of a converted detector for its graph of any number of tiles. */
const FOLDER = 'batches';

/**
 * Returns the file of a converted detector's graph for any number of tiles at once. It is written when it is first needed,
 * and again if it is damaged.
 *
 * The graph for one tile stays as it is: with a fixed shape, ONNX Runtime plans its memory before it runs, and on the CPU
 * more tiles at once gain nothing.
 *
 * @param folder - Folder of the converted detector.
 * @param card - Its description, with `anyBatch`.
 * @throws ReigniteError MODEL_UNREADABLE, NO_SPACE, NOT_READABLE, NOT_WRITABLE.
 */
export async function batchGraphFile(folder: string, { file, sha256 }: DetectorCard): Promise<string> {
  const parent = join(folder, FOLDER);
  const path = join(parent, `${sha256.slice(0, 16)}.onnx`);
  if (await isAsWritten(path)) return path;
  const graph = readModel(join(folder, file));
  await makeFolder(parent);
  await sweepTemporaries(parent);
  const { inputs, outputs } = graph;
  const batched = { ...graph, inputs: inputs.map(ofAnyTiles), outputs: outputs.map(ofAnyTiles) };
  const { sha256: written } = await writeModel(path, batched);
  await recordDigest(path, written);
  return path;
}

function ofAnyTiles({ shape: [, ...others], ...value }: ValueInfo): ValueInfo {
  return { ...value, shape: [ANY_LENGTH, ...others] };
}
