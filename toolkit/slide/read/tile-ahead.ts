import type { FoldNetworks } from '../../nnunet/networks/open-networks.ts';
import { startOfRow } from '../../nnunet/sliding-window/tile-grid.ts';
import { fillTileInput } from '../../nnunet/sliding-window/tile-input.ts';
import { asGrey } from '../../nnunet/sliding-window/tiled-roi.ts';
import type { TiledSlide } from './tiled-slide.ts';

/** Memory of one pass of a network. */
export interface PassBuffers {
  readonly input: Float32Array;
  readonly output: Float32Array;
}

/** One tile with one fold. */
export interface TilePass {
  readonly row: number;
  readonly column: number;
  readonly fold: number;
}

/** Passes started in advance: one runs on the network while the next one is read. */
const AHEAD = 2;

/** Reads and predicts tiles in advance, in order, so that the network never waits for input. */
export class TileAhead {
  readonly #slide: TiledSlide;
  readonly #networks: FoldNetworks;
  readonly #passes: Iterator<TilePass, unknown>;
  readonly #spare: PassBuffers[];
  readonly #running: Promise<PassBuffers>[] = [];
  /** Settles when the latest pass has been handed to the network. */
  #given: Promise<unknown> = Promise.resolve();

  constructor(slide: TiledSlide, networks: FoldNetworks, passes: Iterator<TilePass, unknown>) {
    const { patch } = slide.grid;
    const pixels = patch.height * patch.width;
    this.#slide = slide;
    this.#networks = networks;
    this.#passes = passes;
    this.#spare = Array.from({ length: AHEAD }, () => ({
      input: sharedFloats(networks.method.normalisation.length * pixels),
      output: sharedFloats(networks.classes * pixels),
    }));
  }

  /** Returns the buffers of the next tile. Return them with `giveBack` after reading the output. */
  async next(): Promise<PassBuffers> {
    this.#begin();
    const buffers = await this.#running.shift();
    if (buffers === undefined) throw new RangeError('Expected a pass for every tile');
    return buffers;
  }

  giveBack(buffers: PassBuffers): void {
    this.#spare.push(buffers);
  }

  /** Waits for the passes that have started. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  #begin(): void {
    for (let buffers = this.#spare.pop(); buffers !== undefined; buffers = this.#spare.pop()) {
      const next = this.#passes.next();
      if (next.done === true) {
        this.#spare.push(buffers);
        return;
      }
      const pass = this.#predict(next.value, buffers);
      // Avoids an unhandled rejection; `next` awaits the pass and throws the error.
      pass.catch(() => undefined);
      this.#running.push(pass);
    }
  }

  async #predict(pass: TilePass, buffers: PassBuffers): Promise<PassBuffers> {
    const before = this.#given;
    const filled = this.#fill(pass, buffers.input);
    // Passes must reach the network in order, even if a later tile is read faster.
    const given = Promise.allSettled([before, filled]);
    this.#given = given;
    await given;
    await filled;
    await this.#networks.run(pass.fold, buffers.input, buffers.output);
    return buffers;
  }

  async #fill({ row, column }: TilePass, input: Float32Array): Promise<void> {
    const { grid, part, view, values } = this.#slide;
    const { patch, offset } = grid;
    const image = { height: Math.min(patch.height, grid.image.height), width: Math.min(patch.width, grid.image.width) };
    const top = Math.max(0, startOfRow(grid, row) - offset.y);
    const left = Math.max(0, (grid.columns[column] ?? 0) - offset.x);
    const rgb = await view.read(part.left + left, part.top + top, image.width, image.height);
    if (values.tables.length === 1) asGrey(rgb, this.#networks.method, { path: view.slide.path, kind: 'slides' });
    fillTileInput(rgb, values, { ...grid, image }, 0, 0, input);
  }
}

/** Allocates floats in memory that is shared with the threads of the networks. */
export function sharedFloats(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
}
