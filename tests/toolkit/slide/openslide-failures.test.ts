import { beforeEach, describe, expect, it, vi } from 'vitest';
import { OpenSlideSource } from '../../../toolkit/slide/read/openslide.ts';

interface Answers {
  size: readonly bigint[];
  levels: number;
  error: string | null;
  /** Name of the function that fails. */
  failing: string;
  closed: number;
}

/** What the library in place of OpenSlide answers. */
const library = vi.hoisted((): Answers => ({ size: [100n, 80n], levels: 1, error: null, failing: '', closed: 0 }));

vi.hoisted(() => vi.resetModules());
vi.mock('koffi', () => {
  const answers: Record<string, (...values: unknown[]) => unknown> = {
    openslide_get_version: () => '4.0.0',
    openslide_detect_vendor: () => 'mirax',
    openslide_open: () => ({}),
    openslide_get_error: () => library.error,
    openslide_get_level_count: () => library.levels,
    openslide_get_level_dimensions: (_slide, _level, ...into) => {
      for (const [at, each] of into.entries()) if (each instanceof BigInt64Array) each[0] = library.size[at] ?? 0n;
      if ((library.size[0] ?? 0n) < 0n) library.error = 'bad level';
    },
    openslide_get_property_value: () => null,
    openslide_close: () => {
      library.closed++;
    },
  };
  const func = (declaration: string) => {
    const name = /openslide_\w+/.exec(declaration)?.[0] ?? '';
    return {
      async: (...given: unknown[]) => {
        const done = given.pop();
        if (typeof done !== 'function') throw new TypeError('Expected a callback');
        if (name === library.failing) done(new Error(`${name} failed`));
        else done(null, answers[name]?.(...given));
      },
    };
  };
  return { default: { load: () => ({ func }) } };
});

beforeEach(() => Object.assign(library, { size: [100n, 80n], levels: 1, error: null, failing: '', closed: 0 }));

const open = () => OpenSlideSource.open('/slides/scan.mrxs', '/lib/libopenslide.so');

describe('OpenSlideSource.open', () => {
  it('keeps a readable slide open', async () => {
    const slide = await open();
    expect(slide?.levels).toEqual([{ width: 100, height: 80, downsample: 1 }]);
    expect(library.closed).toBe(0);
    await slide?.close();
    expect(library.closed).toBe(1);
  });

  it.each([
    [{ size: [-1n, -1n] }, 'bad level'],
    [{ size: [0n, 80n] }, 'level 0 has 0 x 80 px'],
    [{ levels: 0 }, 'no level'],
    [{ error: 'cannot read index' }, 'cannot read index'],
  ])('refuses %o and closes the slide', async (change, reason) => {
    Object.assign(library, change);
    await expect(open()).rejects.toMatchObject({
      code: 'IMAGE_UNREADABLE',
      message: expect.stringContaining(reason),
    });
    expect(library.closed).toBe(1);
  });

  it.each(['openslide_get_level_count', 'openslide_get_level_dimensions', 'openslide_get_property_value'])(
    'closes the slide when %s fails',
    async (name) => {
      library.failing = name;
      await expect(open()).rejects.toThrow(`${name} failed`);
      expect(library.closed).toBe(1);
    },
  );
});
