import { existsSync } from 'node:fs';
import { makeFacts } from '../../cache/make.ts';
import { folderOf } from '../../dataset/layout.ts';
import { ReigniteError } from '../../errors.ts';
import { ReadF1Figure, readF1Figure } from '../../figures/read-f1-figure.ts';
import { inside } from '../../files/inside.ts';
import { listed } from '../../format.ts';
import { decodeRgb } from '../../image/decode-pixels.ts';
import { AI } from '../../metrics/agreement.ts';
import { pairName } from '../../metrics/agreement-metrics.ts';
import type { PrintedF1 } from '../../verdict/printed-f1.ts';
import type { CellTaskDefinition, ReaderGroup } from '../definition.ts';
import type { TaskWork } from '../work.ts';

/** Must be raised when figures are read in another way. */
const READING_SCHEMA = 1;

/** The parts of a task's work that are needed to read figures. */
export type PrintedWork = Pick<TaskWork, 'data' | 'cache' | 'digests' | 'signal'>;

/**
 * Reads the F1 values printed in the record's figures, which in the IGNITE record are the only published scores of the
 * detection tasks.
 *
 * @param groups - The groups of readers, named as in the record.
 * @param work - Its cache stores the values by the digest of the figure.
 * @returns Undefined if the record has no such figure.
 */
export async function printedInFigures(
  definition: CellTaskDefinition,
  groups: readonly ReaderGroup[],
  work: PrintedWork,
): Promise<PrintedF1 | undefined> {
  const values: Record<string, number> = {};
  const read: string[] = [];
  const unread: string[] = [];
  for (const { name, scale } of definition.groups) {
    const figure = `f1_scores_${name}.png`;
    const path = inside(work.data, `${folderOf('figures', definition.name)}/${figure}`);
    const readers = [...(groups.find((group) => group.name === name)?.readers ?? []), AI];
    if (!existsSync(path)) continue;
    const found = await readFigure(path, readers.length, scale, work);
    if (found.kind === 'refused') unread.push(`${figure} (${found.reason})`);
    else {
      read.push(figure);
      for (const { truth, prediction, f1 } of found.cells) {
        values[pairName(readers[truth] ?? '', readers[prediction] ?? '')] = f1;
      }
    }
  }
  if (read.length + unread.length === 0) return undefined;
  return { values, source: `in ${listed(read)}`, unread };
}

type Scale = CellTaskDefinition['groups'][number]['scale'];

/**
 * Reads a figure, with caching: each entry is compared with renderings of every number, which is too slow to repeat in
 * every run.
 */
async function readFigure(path: string, readers: number, scale: Scale, work: PrintedWork): Promise<ReadF1Figure> {
  const figure = await work.digests.sha256(path, work.signal);
  const parts = { step: 'read-f1-figure', schema: READING_SCHEMA, figure, readers, scale };
  try {
    const read = async () => readF1Figure(await decodeRgb(path), readers, scale);
    return ReadF1Figure.parse(await makeFacts(work, parts, read));
  } catch (error) {
    if (error instanceof ReigniteError && error.code === 'IMAGE_UNREADABLE') {
      return { kind: 'refused', reason: error.message };
    }
    throw error;
  }
}
