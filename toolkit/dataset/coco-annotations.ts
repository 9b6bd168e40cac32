/** A box of an MS COCO file. */
export interface CocoAnnotation {
  readonly id: number;
  readonly image_id: number;
  readonly category_id: number;
  /** In px: left, top, width, height. */
  readonly bbox: readonly [number, number, number, number];
}

/** Numbers per annotation: ID, image, category, four of the box. */
const NUMBERS = 7;
const INITIAL_CAPACITY = 1_024;

/**
 * Annotations of an MS COCO file, in file order. They are stored as plain numbers, 56 bytes each: as objects, the
 * 845,509 of the record would take several times as much memory.
 */
export class CocoAnnotations implements Iterable<CocoAnnotation> {
  #numbers = new Float64Array(INITIAL_CAPACITY * NUMBERS);
  #length = 0;

  /** Collects annotations in their order. */
  static of(items: Iterable<CocoAnnotation>): CocoAnnotations {
    const all = new CocoAnnotations();
    for (const item of items) all.push(item);
    return all;
  }

  get length(): number {
    return this.#length;
  }

  push({ id, image_id, category_id, bbox }: CocoAnnotation): void {
    const at = this.#length * NUMBERS;
    if (at === this.#numbers.length) this.#grow();
    this.#numbers.set([id, image_id, category_id, ...bbox], at);
    this.#length++;
  }

  *[Symbol.iterator](): IterableIterator<CocoAnnotation> {
    for (let index = 0; index < this.#length; index++) {
      const at = index * NUMBERS;
      const bbox = [this.#at(at + 3), this.#at(at + 4), this.#at(at + 5), this.#at(at + 6)] as const;
      yield { id: this.#at(at), image_id: this.#at(at + 1), category_id: this.#at(at + 2), bbox };
    }
  }

  #at(index: number): number {
    return this.#numbers[index] ?? 0;
  }

  #grow(): void {
    const larger = new Float64Array(2 * this.#numbers.length);
    larger.set(this.#numbers);
    this.#numbers = larger;
  }
}
