import { z } from 'zod';
import type { ReigniteError } from '../../errors.ts';
import type { SlideSource } from './slide.ts';
import { REMEDIES, slideUnreadable } from './slide-formats.ts';
import { isBelievableMpp, type StatedResolution } from './slide-resolution.ts';

const WHITE = 255;
const OPAQUE = 255;
/** Environment variable with the path of the library file. */
const LIBRARY = 'REIGNITE_OPENSLIDE';

let loaded: { readonly path: string; readonly library: Promise<OpenSlideLibrary> } | undefined;

/** Returns the path of the library file that the user named, if any. */
export function openSlidePath(): string | undefined {
  return process.env[LIBRARY] || undefined;
}

/** Sets the library file for this process and its child processes. */
export function nameOpenSlide(path: string): void {
  process.env[LIBRARY] = path;
}

/** A slide that is read with OpenSlide: a scanner format that is not a TIFF, or not a plain one. */
export class OpenSlideSource implements SlideSource {
  readonly levels: SlideSource['levels'];
  readonly scale: StatedResolution;
  readonly bits = 8;
  readonly vendor: string;
  readonly otherPictures = 0;
  readonly notes: readonly string[];
  readonly fingerprint: string | undefined;
  readonly #path: string;
  readonly #library: OpenSlideLibrary;
  readonly #slide: unknown;

  private constructor(
    path: string,
    library: OpenSlideLibrary,
    slide: unknown,
    known: Pick<SlideSource, 'levels' | 'scale' | 'vendor' | 'fingerprint'>,
  ) {
    this.#path = path;
    this.#library = library;
    this.#slide = slide;
    this.levels = known.levels;
    this.scale = known.scale;
    this.vendor = known.vendor;
    this.fingerprint = known.fingerprint;
    this.notes = [`Read with OpenSlide ${library.version} (${known.vendor}).`];
  }

  /**
   * Opens a slide with the library that the user named.
   *
   * @returns Undefined if OpenSlide does not know the format.
   * @throws ReigniteError IMAGE_UNREADABLE if the library or the slide cannot be opened.
   */
  static async open(path: string, libraryPath: string): Promise<OpenSlideSource | undefined> {
    const library = await libraryAt(path, libraryPath);
    const vendor = await library.vendor(path);
    if (vendor === undefined) return undefined;
    const slide = await library.open(path);
    if (slide === undefined) throw refused(path, 'it cannot be opened', REMEDIES.bioFormats);
    try {
      await refuseError(path, library, slide, REMEDIES.bioFormats);
      const levels = await levelsOf(path, library, slide);
      const scale = await scaleOf(library, slide);
      const fingerprint = await library.property(slide, 'openslide.quickhash-1');
      await refuseError(path, library, slide, REMEDIES.damaged);
      return new OpenSlideSource(path, library, slide, { levels, scale, vendor, fingerprint });
    } catch (error) {
      await library.close(slide);
      throw error;
    }
  }

  async readRegion(level: number, left: number, top: number, width: number, height: number): Promise<Uint8Array> {
    const of = this.levels[level];
    if (of === undefined) throw new RangeError(`Expected a level below ${this.levels.length}, got ${level}`);
    const place = [Math.round(left * of.downsample), Math.round(top * of.downsample)] as const;
    const pixels = await this.#library.region(this.#slide, level, place, [width, height]);
    await refuseError(this.#path, this.#library, this.#slide, REMEDIES.damaged);
    const rgb = onWhite(pixels);
    whiten(rgb, { left, top, width, height }, of);
    return rgb;
  }

  close(): Promise<void> {
    return this.#library.close(this.#slide);
  }
}

/** Loads the library once per process. */
async function libraryAt(slide: string, path: string): Promise<OpenSlideLibrary> {
  if (loaded?.path !== path) loaded = { path, library: OpenSlideLibrary.load(path) };
  try {
    return await loaded.library;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const remedy = `Name the library file of OpenSlide 3.4 or later with \`--openslide\` or ${LIBRARY}, such as /usr/lib/x86_64-linux-gnu/libopenslide.so.0.`;
    throw slideUnreadable(slide, `the library ${path} cannot be loaded: ${reason.trim()}`, remedy, cause);
  }
}

function refused(path: string, error: string, remedy: string): ReigniteError {
  return slideUnreadable(path, `OpenSlide reports: ${error}`, remedy);
}

/** Throws if a slide has an error. OpenSlide keeps the first error, and all later calls return nothing. */
async function refuseError(path: string, library: OpenSlideLibrary, slide: unknown, remedy: string): Promise<void> {
  const error = await library.error(slide);
  if (error !== undefined) throw refused(path, error, remedy);
}

async function levelsOf(path: string, library: OpenSlideLibrary, slide: unknown): Promise<SlideSource['levels']> {
  const levels: SlideSource['levels'][number][] = [];
  const count = await library.levelCount(slide);
  for (let level = 0; level < count; level++) {
    const [width, height] = await library.levelSize(slide, level);
    if (width < 1 || height < 1) {
      await refuseError(path, library, slide, REMEDIES.damaged);
      throw slideUnreadable(path, `its level ${level} has ${width} x ${height} px`, REMEDIES.damaged);
    }
    const base = levels[0] ?? { width, height };
    levels.push({ width, height, downsample: (base.width / width + base.height / height) / 2 });
  }
  if (levels.length > 0) return levels;
  await refuseError(path, library, slide, REMEDIES.damaged);
  throw slideUnreadable(path, 'it has no level', REMEDIES.damaged);
}

async function scaleOf(library: OpenSlideLibrary, slide: unknown): Promise<StatedResolution> {
  const number = async (name: string) => Number((await library.property(slide, `openslide.${name}`)) ?? Number.NaN);
  const [x, y, power] = [await number('mpp-x'), await number('mpp-y'), await number('objective-power')];
  const magnification = Number.isFinite(power) ? { power } : {};
  if (Number.isNaN(x) || Number.isNaN(y)) return { ...magnification, notes: [] };
  if (isBelievableMpp(x, y)) {
    return { resolution: { mpp: (x + y) / 2, source: 'properties (OpenSlide)' }, ...magnification, notes: [] };
  }
  return { ...magnification, notes: [`Its properties say ${x} x ${y} µm/px, which is implausible and was ignored.`] };
}

/** Blends BGRA pixels with premultiplied alpha onto white, and returns RGB. */
function onWhite(pixels: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((pixels.length / 4) * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) {
    const through = OPAQUE - (pixels[from + 3] ?? 0);
    for (let channel = 0; channel < 3; channel++) {
      rgb[to + channel] = Math.min(WHITE, (pixels[from + 2 - channel] ?? 0) + through);
    }
  }
  return rgb;
}

/** Makes pixels outside the level white, whatever the library returned for them. */
function whiten(
  rgb: Uint8Array,
  {
    left,
    top,
    width,
    height,
  }: { readonly left: number; readonly top: number; readonly width: number; readonly height: number },
  level: { readonly width: number; readonly height: number },
): void {
  for (let y = 0; y < height; y++) {
    const isInside = top + y >= 0 && top + y < level.height;
    const from = isInside ? Math.min(width, Math.max(0, -left)) : width;
    const to = isInside ? Math.max(from, Math.min(width, level.width - left)) : width;
    rgb.fill(WHITE, 3 * y * width, 3 * (y * width + from));
    rgb.fill(WHITE, 3 * (y * width + to), 3 * (y + 1) * width);
  }
}

/** Calls a function of the library on another thread. */
type Call = (...values: readonly unknown[]) => Promise<unknown>;

const LongSize = z.tuple([z.coerce.number(), z.coerce.number()]);
const Text = z.string().nullable();

/** The functions of OpenSlide that are needed to read a slide, from the library file that the user named. */
class OpenSlideLibrary {
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
