import { markHandled } from '../../concurrency.ts';
import type { FoldNetworks } from '../networks/open-networks.ts';
import type { RoiStep } from './roi-job.ts';
import { startOfRow } from './tile-grid.ts';
import { fillTileInput } from './tile-input.ts';
import type { TiledRoi } from './tiled-roi.ts';

/** Memory of one pass of a network. */
export interface PassBuffers {
  readonly input: Float32Array;
  readonly output: Float32Array;
}

/** One tile with one fold, in the order in which they are predicted. */
interface Pass {
  readonly step: RoiStep;
  /** First column of the tile in the padded image, px. */
  readonly left: number;
}

/** Passes that are started before they are needed: one that the network runs, one that waits for it. */
const AHEAD = 2;

/**
 * Runs the networks over the tiles of an image, always ahead of what is done with their outputs: they have a thread of
 * their own, and what is summed, divided, checked and written meanwhile would leave the cores idle otherwise. Outputs come
 * in the order of the steps.
 */
export class PassesAhead {
  readonly #roi: TiledRoi;
  readonly #networks: FoldNetworks;
  readonly #passes: Iterator<Pass, unknown>;
  readonly #spare: PassBuffers[];
  readonly #ahead: Promise<PassBuffers>[] = [];

  /** @param steps - Every tile of each is predicted. */
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

  /** The next pass; its buffers are to be given back. */
  async next(): Promise<PassBuffers> {
    this.#begin();
    const buffers = await this.#ahead.shift();
    if (buffers === undefined) throw new RangeError('Expected a pass for every tile');
    return buffers;
  }

  giveBack(buffers: PassBuffers): void {
    this.#spare.push(buffers);
  }

  /** Waits for what is under way: the networks are the next job's when this one has ended, however it ended. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#ahead);
  }

  /** Begins passes as long as there are buffers for them. */
  #begin(): void {
    for (let buffers = this.#spare.pop(); buffers !== undefined; buffers = this.#spare.pop()) {
      const next = this.#passes.next();
      if (next.done === true) return;
      const pass = this.#predict(next.value, buffers);
      // It is awaited when its turn has come: until then its failure is not seen.
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

/** Memory that a thread of networks can fill. */
function sharedFloats(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
}
