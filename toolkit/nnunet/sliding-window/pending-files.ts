/** Files of a partial result that are not written yet, as copies. Memory of those that are dropped is used again. */
export class PendingFiles {
  readonly #files = new Map<string, Uint8Array>();
  readonly #free: Uint8Array[] = [];

  set(name: string, bytes: Uint8Array): void {
    this.delete(name);
    const copy = this.#memory(bytes.length);
    copy.set(bytes);
    this.#files.set(name, copy);
  }

  get(name: string): Uint8Array | undefined {
    return this.#files.get(name);
  }

  /** @returns Whether there was such a file. */
  delete(name: string): boolean {
    const bytes = this.#files.get(name);
    if (bytes === undefined) return false;
    this.#free.push(bytes);
    return this.#files.delete(name);
  }

  /** Gives each file and forgets it; the bytes are to be used at once. */
  *takeAll(): Generator<readonly [string, Uint8Array]> {
    for (const entry of [...this.#files]) {
      yield entry;
      this.delete(entry[0]);
    }
  }

  /** New memory of this size costs several times as much as a copy, since the system clears it. */
  #memory(length: number): Uint8Array {
    const at = this.#free.findIndex((bytes) => bytes.length === length);
    return this.#free.splice(at, at < 0 ? 0 : 1)[0] ?? new Uint8Array(length);
  }
}
