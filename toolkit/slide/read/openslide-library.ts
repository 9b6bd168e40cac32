import { z } from 'zod';

/** Calls a function of the library; slow ones on a thread of their own. */
type Call = (...values: readonly unknown[]) => Promise<unknown>;

const LongSize = z.tuple([z.coerce.number(), z.coerce.number()]);
const Text = z.string().nullable();

/** The functions of OpenSlide that a slide needs, of a library that the user named. */
export class OpenSlideLibrary {
  /** Of the library, such as 4.0.0. */
  readonly version: string;
  readonly #functions: ReadonlyMap<string, Call>;

  private constructor(functions: ReadonlyMap<string, Call>, version: string) {
    this.#functions = functions;
    this.version = version;
  }

  /**
   * Loads the library. Its code runs in this process: so it is named by the user on this machine, never by a workflow.
   *
   * @param path - Of the library file.
   * @throws Error that says why it cannot be loaded.
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

  /** What kind of slide a file is; undefined for what OpenSlide does not know. */
  async vendor(path: string): Promise<string | undefined> {
    return Text.parse(await this.#call('vendor', path)) ?? undefined;
  }

  /** Opens a slide; undefined where it cannot. */
  async open(path: string): Promise<unknown> {
    return (await this.#call('open', path)) ?? undefined;
  }

  /** What went wrong with a slide; undefined while all is well. */
  async error(slide: unknown): Promise<string | undefined> {
    return Text.parse(await this.#call('error', slide)) ?? undefined;
  }

  async levelCount(slide: unknown): Promise<number> {
    return z.number().parse(await this.#call('levelCount', slide));
  }

  /** Width and height of a level, px. */
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
   * @param left - px of the largest level, whatever `level` is.
   * @returns height x width x 4 bytes: blue, green, red, alpha, multiplied with alpha.
   */
  async region(
    slide: unknown,
    level: number,
    [left, top]: readonly [number, number],
    [width, height]: readonly [number, number],
  ): Promise<Uint8Array> {
    const pixels = new Uint8Array(width * height * 4);
    await this.#call('region', slide, pixels, left, top, level, width, height);
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

/** Arguments stay alive until the call has ended, since its promise holds them. */
function callOf(native: Asynchronous): Call {
  return (...values) =>
    new Promise((resolve, reject) => {
      native.async(...values, (error: unknown, result: unknown) => {
        if (error === null || error === undefined) resolve(result);
        else reject(error);
      });
    });
}
