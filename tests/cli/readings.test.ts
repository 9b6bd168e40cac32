import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CellsVerdictFile } from '../../toolkit/verdict/verdict-file.ts';
import { runHere } from '../support/command-here.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';
import { serveHome } from '../support/serve-home.ts';
import { writeTinyRecord } from '../support/tiny-record.ts';

describe('a record whose nuclei were published with the declared settings', () => {
  it('is compared with those, and the report explains what each set of settings reproduces', async () => {
    const cwd = await temporaryFolder();
    const place = { home: join(cwd, 'home'), cwd };
    onTestFinished(await serveHome(place));
    const run = async (served: string, results: string) => {
      const set = [`zenodo.serveFrom=${served}`, `name=${results}`, 'record=42', 'inference.provider=cpu'];
      const words = ['run', '--tasks', 'nuclei', '--data', `data-${results}`, '--results', results];
      const ended = await runHere([...words, ...set.flatMap((each) => ['--set', each])], place);
      expect(ended.status, ended.stderr).toBe(0);
      return join(cwd, results);
    };
    const first = await run((await writeTinyRecord(join(cwd, 'plain'))).served, 'first');
    const declared = join(first, 'verdict', 'nuclei-declared');
    const points = (await readdir(declared)).filter((name) => name.endsWith('.npy'));
    expect(points.length).toBeGreaterThan(0);

    const spoiled = await writeTinyRecord(join(cwd, 'declared'), undefined, async (unpacked) => {
      for (const name of points) {
        await cp(join(declared, name), join(unpacked, 'inference', 'pdl1', 'nuclei', name), { recursive: true });
      }
    });
    const second = await run(spoiled.served, 'second');
    const verdict = CellsVerdictFile.parse(JSON.parse(await readFile(join(second, 'verdict', 'nuclei.json'), 'utf8')));
    expect(verdict.inference.verdict).toBe('reproduced');
    expect(verdict.inference.reason).toContain('The verdict uses the declared settings');
    const [inEffect, chosen] = verdict.readings ?? [];
    expect(inEffect).toMatchObject({ name: 'settings in effect', tile: 512, chosen: false });
    expect(chosen).toMatchObject({ name: 'declared settings', tile: 128, confidence: 0.6, iou: 0.4, chosen: true });
    expect(chosen?.matched).toBe(chosen?.published);
    expect(inEffect?.matched).toBeLessThan(inEffect?.published ?? 0);
    // The metrics stay those of the settings in effect.
    expect(await readFile(join(second, 'metrics', 'nuclei.json'), 'utf8')).toBe(
      await readFile(join(first, 'metrics', 'nuclei.json'), 'utf8'),
    );
  });
});
