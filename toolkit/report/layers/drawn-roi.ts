import type { Task } from '../../../config/tasks.ts';
import type { LayerWriter } from './layer-writer.ts';
import type { RoiLayers } from './layers-file.ts';

/** An ROI whose layers can be drawn. */
export interface DrawnRoi {
  readonly task: Task;
  readonly roi: string;
  /** Absolute paths of the files that the layers are made from; a change of any of them draws them again. */
  readonly sources: readonly string[];
  /** What else the layers depend on. */
  readonly settings: string;
  /** @param limit - Bytes for all layers together. */
  draw(limit: number, writer: LayerWriter): Promise<Pick<RoiLayers, 'width' | 'height' | 'classes' | 'spots'>>;
}
