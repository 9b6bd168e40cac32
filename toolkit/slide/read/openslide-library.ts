import { z } from 'zod';

/** Calls a function of the library on another thread. */
type Call = (...values: readonly unknown[]) => Promise<unknown>;

const LongSize = z.tuple([z.coerce.number(), z.coerce.number()]);
const Text = z.string().nullable();

/** The functions of OpenSlide that are needed to read a slide, from the library file that the user named. */
export class OpenSlideLibrary {
  /** Version of the library, such as 4.0.0. */
  readonly version: string;
  readonly #functions: ReadonlyMap<string, Call>;

  private constructor(functions: ReadonlyMap<string, Call>, version: string) {
    this.#functions = functions;
    this.version = version;
  }

  /**
   * Loads the library. Its code runs in this process, so its path must come from the user on this machine, never from a
   * workflow.
   *
   * @param path - Path of the library file.
   * @throws Error with the reason why it cannot be loaded.
   * @see openslide.h of OpenSlide 3.4 and later
   */
  static async load(path: string): Promise<OpenSlideLibrary> {
    const { default: koffi } = await import('koffi');
    const library = koffi.load(path);
    const functions = new Map<string, Call>();
    for (const [name, declaration] of Object.entries(DECLARATIONS))
      functions.set(name, callOf(library.func(declaration)));
    const version = await functions.get('version')?.();
    return new OpenSlideLibrary(functions, z.string().parse(version));
  }

  /** Returns the vendor of a slide; undefined if OpenSlide does not know the format. */
  async vendor(path: string): Promise<string | undefined> {
    return Text.parse(await this.#call('vendor', path)) ?? undefined;
  }

  /** Opens a slide; undefined if OpenSlide cannot. */
  async open(path: string): Promise<unknown> {
    return (await this.#call('open', path)) ?? undefined;
  }

  /** Returns the error of a slide; undefined if there is none. */
  async error(slide: unknown): Promise<string | undefined> {
    return Text.parse(await this.#call('error', slide)) ?? undefined;
  }

  async levelCount(slide: unknown): Promise<number> {
    return z.number().parse(await this.#call('levelCount', slide));
  }

  /** Returns the width and height of a level, px. */
  async levelSize(slide: unknown, level: number): Promise<readonly [number, number]> {
    const [width, height] = [new BigInt64Array(1), new BigInt64Array(1)];
    await this.#call('levelSize', slide, level, width, height);
    return LongSize.parse([width[0], height[0]]);
  }

  async property(slide: unknown, name: string): Promise<string | undefined> {
    return Text.parse(await this.#call('property', slide, name)) ?? undefined;
  }

  /**
   * Reads a region.
   *
   * @param position - Left and top, always in px of the largest level.
   * @returns height x width x 4 bytes: blue, green, red, alpha, with premultiplied alpha.
   */
  async region(
    slide: unknown,
    level: number,
    position: readonly [left: number, top: number],
    [width, height]: readonly [number, number],
  ): Promise<Uint8Array> {
    const pixels = new Uint8Array(width * height * 4);
    await this.#call('region', slide, pixels, ...position, level, width, height);
    return pixels;
  }

  async close(slide: unknown): Promise<void> {
    await this.#call('close', slide);
  }

  #call(name: keyof typeof DECLARATIONS, ...values: readonly unknown[]): Promise<unknown> {
    const call = this.#functions.get(name);
    if (call === undefined) throw new RangeError(`Expected a function of OpenSlide, got ${name}`);
    return call(...values);
  }
}

const DECLARATIONS = {
  version: 'const char *openslide_get_version()',
  vendor: 'const char *openslide_detect_vendor(const char *filename)',
  open: 'void *openslide_open(const char *filename)',
  error: 'const char *openslide_get_error(void *slide)',
  levelCount: 'int32_t openslide_get_level_count(void *slide)',
  levelSize: 'void openslide_get_level_dimensions(void *slide, int32_t level, void *width, void *height)',
  property: 'const char *openslide_get_property_value(void *slide, const char *name)',
  region:
    'void openslide_read_region(void *slide, void *pixels, int64_t x, int64_t y, int32_t level, int64_t width, int64_t height)',
  close: 'void openslide_close(void *slide)',
} as const;

interface Asynchronous {
  readonly async: (...values: unknown[]) => unknown;
}

/** Makes a call that returns a promise. The promise keeps the arguments alive until the call has ended. */
function callOf(native: Asynchronous): Call {
  return (...values) =>
    new Promise((resolve, reject) => {
      native.async(...values, (error: unknown, result: unknown) => {
        if (error === null || error === undefined) resolve(result);
        else reject(error);
      });
    });
}
