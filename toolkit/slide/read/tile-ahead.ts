import type { FoldNetworks } from '../../nnunet/networks/open-networks.ts';
import { asGrey } from '../../nnunet/sliding-window/as-grey.ts';
import { startOfRow } from '../../nnunet/sliding-window/tile-grid.ts';
import { fillTileInput } from '../../nnunet/sliding-window/tile-input.ts';
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

/** Passes that start before they are needed: one that the network runs, one that is read and waits for it. */
const AHEAD = 2;

/** Reads and predicts tiles before they are asked for, in their order, so that the network never waits. */
export class TileAhead {
  readonly #slide: TiledSlide;
  readonly #networks: FoldNetworks;
  readonly #passes: Iterator<TilePass, unknown>;
  readonly #spare: PassBuffers[];
  readonly #running: Promise<PassBuffers>[] = [];
  /** Settles when the latest pass was given to the network. */
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

  /** The outputs of the next tile; give the buffers back when they are read. */
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
      // It is awaited when its turn has come; its failure is thrown there.
      pass.catch(() => undefined);
      this.#running.push(pass);
    }
  }

  async #predict(pass: TilePass, buffers: PassBuffers): Promise<PassBuffers> {
    const before = this.#given;
    const filled = this.#fill(pass, buffers.input);
    // Folds take turns: a tile that is read sooner must not overtake the one before.
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

/** Memory that a thread of networks can fill. */
export function sharedFloats(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
}
