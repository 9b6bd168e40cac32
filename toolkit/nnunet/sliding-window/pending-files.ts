/** Copies of files of a partial result that are not written yet. The memory of deleted ones is reused. */
export class PendingFiles {
  readonly #files = new Map<string, Uint8Array>();
  readonly #free: Uint8Array[] = [];
  readonly #mostFree: number;
  #bytes = 0;
  #freeBytes = 0;

  /** @param mostFree - Maximum memory that is kept for reuse, bytes. */
  constructor(mostFree: number) {
    this.#mostFree = mostFree;
  }

  /** Memory of all files, and memory that is kept for reuse, bytes. */
  get bytes(): { readonly pending: number; readonly free: number } {
    return { pending: this.#bytes, free: this.#freeBytes };
  }

  set(name: string, bytes: Uint8Array): void {
    this.delete(name);
    const copy = this.#memory(bytes.length);
    copy.set(bytes);
    this.#files.set(name, copy);
    this.#bytes += copy.length;
  }

  get(name: string): Uint8Array | undefined {
    return this.#files.get(name);
  }

  /** @returns Whether there was such a file. */
  delete(name: string): boolean {
    const bytes = this.#files.get(name);
    if (bytes === undefined) return false;
    this.#bytes -= bytes.length;
    this.#keep(bytes);
    return this.#files.delete(name);
  }

  /** Yields and forgets each file. Its bytes are valid until the next one is requested. */
  *takeAll(): Generator<readonly [string, Uint8Array]> {
    for (const entry of [...this.#files]) {
      yield entry;
      this.delete(entry[0]);
    }
  }

  /** Reuses memory, because new memory takes several times as long as a copy: the system clears it. */
  #memory(length: number): Uint8Array {
    const at = this.#free.findIndex((bytes) => bytes.length === length);
    const found = this.#free.splice(at, at < 0 ? 0 : 1)[0];
    if (found === undefined) return new Uint8Array(length);
    this.#freeBytes -= length;
    return found;
  }

  /** Keeps memory for reuse. Beyond the limit, the oldest is dropped. */
  #keep(bytes: Uint8Array): void {
    if (bytes.length > this.#mostFree) return;
    this.#free.push(bytes);
    this.#freeBytes += bytes.length;
    while (this.#freeBytes > this.#mostFree) this.#freeBytes -= this.#free.shift()?.length ?? 0;
  }
}
