import { markHandled } from '../../concurrency.ts';
import type { FoldNetworks } from '../networks/open-networks.ts';
import type { RoiStep } from './roi-job.ts';
import { startOfRow } from './tile-grid.ts';
import { fillTileInput } from './tile-input.ts';
import type { TiledRoi } from './tiled-roi.ts';

/** Memory for one pass through a network. */
export interface PassBuffers {
  readonly input: Float32Array;
  readonly output: Float32Array;
}

/** One tile to predict with one fold. */
interface Pass {
  readonly step: RoiStep;
  /** First column of the tile in the padded image, px. */
  readonly left: number;
}

/** Passes that are started ahead: one that the network runs and one that is queued. */
const AHEAD = 2;

/**
 * Runs the networks over the tiles of an image, ahead of the processing of their outputs. The networks have their own
 * thread, so that the cores are not idle while outputs are summed, divided, checked and written. Outputs are returned
 * in the order of the steps.
 */
export class PassesAhead {
  readonly #roi: TiledRoi;
  readonly #networks: FoldNetworks;
  readonly #passes: Iterator<Pass, unknown>;
  readonly #spare: PassBuffers[];
  readonly #ahead: Promise<PassBuffers>[] = [];

  /** @param steps - All tiles of each step are predicted. */
  constructor(roi: TiledRoi, networks: FoldNetworks, steps: Iterable<RoiStep>) {
    const { patch } = roi.grid;
    this.#roi = roi;
    this.#networks = networks;
    this.#passes = passesOf(roi, steps);
    const pixels = patch.height * patch.width;
    this.#spare = Array.from({ length: AHEAD }, () => ({
      input: sharedFloats(networks.method.normalisation.length * pixels),
      output: sharedFloats(networks.classes * pixels),
    }));
  }

  /** Waits for the next pass. The caller must return its buffers with `giveBack`. */
  async next(): Promise<PassBuffers> {
    this.#begin();
    const buffers = await this.#ahead.shift();
    if (buffers === undefined) throw new RangeError('Expected a pass for every tile');
    return buffers;
  }

  giveBack(buffers: PassBuffers): void {
    this.#spare.push(buffers);
  }

  /** Waits for passes that were started, so that the networks are free for the next job even if this one failed. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#ahead);
  }

  /** Starts passes as long as buffers are free. */
  #begin(): void {
    for (let buffers = this.#spare.pop(); buffers !== undefined; buffers = this.#spare.pop()) {
      const next = this.#passes.next();
      if (next.done === true) return;
      const pass = this.#predict(next.value, buffers);
      // A failure is reported when the pass is awaited in its turn.
      markHandled(pass);
      this.#ahead.push(pass);
    }
  }

  async #predict({ step, left }: Pass, buffers: PassBuffers): Promise<PassBuffers> {
    const { grid, pixels, values } = this.#roi;
    fillTileInput(pixels, values, grid, startOfRow(grid, step.row), left, buffers.input);
    await this.#networks.run(step.fold, buffers.input, buffers.output);
    return buffers;
  }
}

function* passesOf({ tiles }: TiledRoi, steps: Iterable<RoiStep>): Generator<Pass> {
  for (const step of steps) {
    for (const left of tiles[step.row] ?? []) yield { step, left };
  }
}

/** Allocates memory that the thread of the networks can fill. */
function sharedFloats(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
}
