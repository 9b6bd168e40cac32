import { join } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import type { CellTask } from '../../config/tasks.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import type { DetectionMetrics } from '../metrics/agreement-metrics.ts';
import { cellDefinition } from '../tasks/registry.ts';
import { type F1MatrixData, f1Matrix, f1MatrixData } from './f1-matrix.ts';
import { renderVegaLite } from './render-vega-lite.ts';

/** A figure by its file stem, with all that it shows. */
export interface F1Figure {
  readonly stem: `f1_scores_${string}`;
  readonly data: F1MatrixData;
  readonly spec: TopLevelSpec;
}

/** The figures of a detection task: one a group of readers. */
export function f1Figures({ groups }: DetectionMetrics, task: CellTask): F1Figure[] {
  return cellDefinition(task).groups.flatMap(({ name, title, scale }) => {
    const group = groups[name];
    if (group === undefined) return [];
    const data = f1MatrixData(title, scale, group);
    return [{ stem: `f1_scores_${name}` as const, data, spec: f1Matrix(data) }];
  });
}

/**
 * Writes `f1_scores_<group>` of a detection task, each as PNG, as SVG and as JSON of everything that it shows.
 *
 * @param options.metrics - `metrics/nuclei.json` or `metrics/pdl1.json`.
 * @param options.outDir - `figures/pdl1/<task>` of a results folder; made if missing.
 * @returns The files written, in a stable order.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function renderF1Figures(options: {
  readonly task: CellTask;
  readonly metrics: DetectionMetrics;
  readonly outDir: string;
  readonly signal?: AbortSignal;
}): Promise<string[]> {
  const written: string[] = [];
  for (const { stem, data, spec } of f1Figures(options.metrics, options.task)) {
    options.signal?.throwIfAborted();
    const { png, svg } = await renderVegaLite(spec);
    const files = { png, svg, json: `${JSON.stringify(data)}\n` };
    for (const [extension, content] of Object.entries(files)) {
      const path = join(options.outDir, `${stem}.${extension}`);
      await writeFileAtomic(path, content);
      written.push(path);
    }
  }
  return written;
}
