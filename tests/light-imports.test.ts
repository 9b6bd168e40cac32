import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compiledFile } from '../config/package-files.ts';

/** Packages that take long to load; modules that import them are loaded with `import()` when they are needed. */
const SLOW = ['canvas', 'onnxruntime-node', 'sharp', 'undici', 'vega', 'vega-lite'];

/** An import or re-export in compiled code, which has none of types. */
const IMPORT = /^(?:import|export (?:\*|\{[^}]*\}))(?: [^'"]*?)?\s?(?:from )?['"]([^'"]+)['"];/gm;

/** Returns the packages that a compiled file loads at once, also through the modules of this package. */
function packagesOf(entry: string): ReadonlySet<string> {
  const [seen, packages] = [new Set([compiledFile(entry)]), new Set<string>()];
  for (const file of seen) {
    for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      if (name.startsWith('.')) seen.add(join(file, '..', name));
      else packages.add(name);
    }
  }
  return packages;
}

describe('what starts at once', () => {
  it.each([
    { entry: 'cli/main.ts', without: [...SLOW, '@temporalio/client', '@temporalio/worker'] },
    { entry: 'worker.ts', without: SLOW },
    // A command starts several threads. The schema of the configuration, which needs `yaml`, takes as long as `zod`.
    { entry: 'toolkit/nnunet/networks/networks-thread.ts', without: ['canvas', 'sharp', 'undici', 'vega', 'yaml'] },
    { entry: 'toolkit/yolo/detect/cell-detector-thread.ts', without: ['canvas', 'undici', 'vega', 'yaml'] },
  ])('$entry loads no slow package', ({ entry, without }) => {
    const loaded = packagesOf(entry);
    expect(loaded).toContain('zod');
    expect(without.filter((name) => loaded.has(name))).toEqual([]);
  });

  it.each(['exports/npy.ts', 'exports/geojson.ts'])('%s loads no package', (entry) => {
    expect([...packagesOf(entry)].filter((name) => !name.startsWith('node:'))).toEqual([]);
  });

  it('a module that draws loads one', () => {
    expect(packagesOf('toolkit/figures/render-vega-lite.ts')).toContain('vega');
  });
});
