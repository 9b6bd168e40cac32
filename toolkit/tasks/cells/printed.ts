import { existsSync } from 'node:fs';
import { folderOf } from '../../dataset/layout.ts';
import { ReigniteError } from '../../errors.ts';
import { readF1Figure } from '../../figures/printed/read-f1-figure.ts';
import { inside } from '../../files/inside.ts';
import { listed } from '../../format.ts';
import { decodeRgb } from '../../image/decode-pixels.ts';
import { AI } from '../../metrics/agreement.ts';
import { pairName } from '../../metrics/agreement-metrics.ts';
import type { PrintedF1 } from '../../verdict/printed-f1.ts';
import type { CellTaskDefinition, ReaderGroup } from '../definition.ts';

/**
 * Reads the F1 values that the record's own figures print: in the IGNITE record they are the only published scores of
 * the detection tasks.
 *
 * @param groups - The groups of readers, named as in the record.
 * @param data - Absolute data folder.
 * @returns Undefined where the record has no such figure.
 */
export async function printedInFigures(
  definition: CellTaskDefinition,
  groups: readonly ReaderGroup[],
  data: string,
): Promise<PrintedF1 | undefined> {
  const values: Record<string, number> = {};
  const read: string[] = [];
  const unread: string[] = [];
  for (const { name, scale } of definition.groups) {
    const figure = `f1_scores_${name}.png`;
    const path = inside(data, `${folderOf('figures', definition.name)}/${figure}`);
    const readers = [...(groups.find((group) => group.name === name)?.readers ?? []), AI];
    if (!existsSync(path)) continue;
    const found = await readFigure(path, readers, scale);
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

async function readFigure(
  path: string,
  readers: readonly string[],
  scale: CellTaskDefinition['groups'][number]['scale'],
): Promise<ReturnType<typeof readF1Figure>> {
  try {
    return readF1Figure(await decodeRgb(path), readers.length, scale);
  } catch (error) {
    if (error instanceof ReigniteError && error.code === 'IMAGE_UNREADABLE') {
      return { kind: 'refused', reason: error.message };
    }
    throw error;
  }
}
