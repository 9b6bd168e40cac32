import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../../errors.ts';
import { sweepTemporaries, writeFileAtomic } from '../../files/atomic-write.ts';
import { sha256Of, sha256OfFile } from '../../files/hash-file.ts';
import { isFile, readTextIfThere, statIfThere } from '../../files/if-there.ts';
import { makeFolder } from '../../files/make-folder.ts';
import { readModel } from '../../onnx/file/read-model.ts';
import { type WrittenModel, writeModel } from '../../onnx/file/write-model.ts';
import type { Precision } from '../../onnx/session/engine-choice.ts';
import { type ModelCard, methodOf } from '../model-card.ts';
import { mirrorings } from '../networks/ort-fold-networks.ts';
import { gaussianWeights, halfGaussianWeights } from '../sliding-window/gaussian.ts';
import { rowsGraph } from './rows-graph.ts';

/** Subfolder of the model for graphs derived from it. */
const FOLDER = 'fast';
/** Raised when graphs are built differently. */
const SCHEMA = 1;
const NAME = /^rows-[0-9a-f]{16}\.onnx$/;
/** Graphs that are kept per model, each of hundreds of megabytes; several, because other processes may use another one. */
const KEPT_GRAPHS = 3;

/**
 * Returns the file with the graph of a model for a batch size and a precision. It is written when it is first needed,
 * and again if it is damaged. Of the other graphs, the newest two are kept.
 *
 * @param folder - Folder of the converted model.
 * @throws ReigniteError MODEL_UNREADABLE, ENGINE_UNSUPPORTED, NO_SPACE, NOT_WRITABLE.
 */
export async function graphFile(folder: string, card: ModelCard, batch: number, precision: Precision): Promise<string> {
  const key = sha256Of([SCHEMA, card.digest, card.folds.map(({ sha256 }) => sha256), batch, precision].join('\n'));
  const parent = join(folder, FOLDER);
  const path = join(parent, `rows-${key.slice(0, 16)}.onnx`);
  if (await isAsWritten(path)) return path;
  await makeFolder(parent);
  await sweepTemporaries(parent);
  const { sha256 } = await writeGraph(path, folder, card, batch, precision);
  await writeFileAtomic(digestOf(path), `${sha256}\n`);
  await removeOldest(parent, path);
  return path;
}

function digestOf(path: string): string {
  return `${path}.sha256`;
}

async function isAsWritten(path: string): Promise<boolean> {
  const digest = await readTextIfThere(digestOf(path));
  return digest !== undefined && (await isFile(path)) && (await sha256OfFile(path)) === digest.trim();
}

async function removeOldest(parent: string, current: string): Promise<void> {
  const others = (await readdir(parent)).filter((name) => NAME.test(name)).map((name) => join(parent, name));
  const aged: { readonly path: string; readonly writtenAt: number }[] = [];
  for (const path of others.filter((other) => other !== current)) {
    aged.push({ path, writtenAt: (await statIfThere(path))?.mtimeMs ?? 0 });
  }
  aged.sort((one, other) => other.writtenAt - one.writtenAt);
  for (const { path } of aged.slice(KEPT_GRAPHS - 1)) {
    await rm(digestOf(path), { force: true });
    await rm(path, { force: true });
  }
}

async function writeGraph(
  path: string,
  folder: string,
  card: ModelCard,
  batch: number,
  precision: Precision,
): Promise<WrittenModel> {
  const method = methodOf(card);
  const [height, width] = card.patch;
  const graph = rowsGraph({
    folds: card.folds.map(({ file }) => readModel(join(folder, file))),
    patch: card.patch,
    mirrorings: mirrorings(card.v2?.mirrorAxes ?? []),
    precision,
    channels: method.normalisation.length,
    outputs: card.classes,
    decision: method.decision,
    batch,
    weights: method.window === 'v2' ? halfGaussianWeights(height, width) : gaussianWeights(height, width),
  });
  try {
    return await writeModel(path, graph);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ReigniteError(
      'ENGINE_UNSUPPORTED',
      `The networks in ${folder} do not fit into one file: ${cause.message}.`,
      {
        cause,
        remedy:
          'Use `--set inference.precision=float16`, which halves them, or the exact engine (`predict --engine exact`).',
      },
    );
  }
}
