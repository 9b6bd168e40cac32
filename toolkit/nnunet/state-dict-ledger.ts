import { ReigniteError } from '../errors.ts';
import type { StateDict, StateTensor } from './state-dict.ts';

/**
 * Keeps account of a state dict, so that nothing in it is passed over in silence: every tensor is used,
 * or set aside on purpose, or an error.
 */
export class StateDictLedger {
  readonly #tensors: StateDict;
  /** Path of the checkpoint. */
  readonly source: string;
  readonly #used = new Set<string>();
  readonly #unused = new Set<string>();
  #parameters = 0;

  constructor(tensors: StateDict, source: string) {
    this.#tensors = tensors;
    this.source = source;
  }

  /** Elements of all tensors used so far. */
  get parameters(): number {
    return this.#parameters;
  }

  /** Names set aside so far, in the order of the checkpoint. */
  get unused(): readonly string[] {
    return [...this.#tensors.keys()].filter((name) => this.#unused.has(name));
  }

  /**
   * Uses a tensor.
   *
   * @throws ReigniteError PARAMETER_MISSING when there is none of that name and shape.
   */
  use(name: string, shape: readonly number[]): StateTensor {
    const tensor = this.#find(name, shape);
    this.#used.add(name);
    this.#parameters += shape.reduce((product, axis) => product * axis, 1);
    return tensor;
  }

  /**
   * Sets a tensor aside that the original network has and inference does not need.
   *
   * @throws ReigniteError PARAMETER_MISSING when there is none of that name and shape.
   */
  setAside(name: string, shape: readonly number[]): void {
    this.#find(name, shape);
    this.#unused.add(name);
  }

  /** Sets a tensor aside if it is there. */
  setAsideIfPresent(name: string, shape: readonly number[]): void {
    if (this.#tensors.has(name)) this.setAside(name, shape);
  }

  /** @throws ReigniteError PARAMETER_UNKNOWN naming what was neither used nor set aside. */
  close(): void {
    const left = [...this.#tensors.keys()].filter((name) => !this.#used.has(name) && !this.#unused.has(name));
    if (left.length === 0) return;
    const others = left.length === 1 ? '' : ` (and ${left.length - 1} more: ${left.slice(1, 4).join(', ')})`;
    throw new ReigniteError(
      'PARAMETER_UNKNOWN',
      `${this.source}: the network of its plans has no parameter ${left[0]}${others}.`,
    );
  }

  #find(name: string, shape: readonly number[]): StateTensor {
    const tensor = this.#tensors.get(name);
    const expected = `[${shape.join(', ')}]`;
    if (tensor === undefined) {
      throw new ReigniteError('PARAMETER_MISSING', `${this.source}: there is no parameter ${name} ${expected}.`);
    }
    const found = `[${tensor.shape.join(', ')}]`;
    if (found !== expected) {
      throw new ReigniteError(
        'PARAMETER_MISSING',
        `${this.source}: the parameter ${name} is ${found}, its plans want ${expected}.`,
      );
    }
    return tensor;
  }
}
