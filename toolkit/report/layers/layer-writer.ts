import { join } from 'node:path';
import type { Task } from '../../../config/tasks.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { finestWithin } from './layer-budget.ts';
import type { LayerName } from './layers-file.ts';

/** Writes the layers of one ROI to report/assets, each within its bytes. */
export class LayerWriter {
  readonly files: Partial<Record<LayerName, string>> = {};
  readonly notes: string[] = [];
  readonly #folder: string;
  readonly #report: string;

  constructor(results: string, task: Task, roi: string) {
    this.#report = join(results, 'report');
    this.#folder = `assets/${task}/${roi}`;
  }

  /** @param longest - Longer side of the ROI in px. */
  async writeImage(
    layer: LayerName,
    limit: number,
    longest: number,
    encode: (edge: number) => Promise<Uint8Array>,
  ): Promise<void> {
    const bytes = await finestWithin(limit, longest, encode);
    if (bytes === undefined) this.notes.push(`The layer "${layer}" would be larger than a report allows.`);
    else await this.#write(layer, 'webp', bytes);
  }

  async writeDrawing(layer: LayerName, limit: number, svg: string): Promise<void> {
    if (svg.length <= limit) await this.#write(layer, 'svg', svg);
    else this.notes.push(`The layer "${layer}" would be larger than a report allows.`);
  }

  async #write(layer: LayerName, extension: string, content: string | Uint8Array): Promise<void> {
    const file = `${this.#folder}/${layer}.${extension}`;
    await writeFileAtomic(join(this.#report, file), content);
    this.files[layer] = file;
  }
}
