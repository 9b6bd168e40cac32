import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { ERRORS } from '../../toolkit/errors.ts';
import { sha256OfFile } from '../../toolkit/files/hash-file.ts';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { tinyProfile, writeTinyRecord } from '../support/tiny-record.ts';

/** Rows of tiles begin every 16 px: this one has enough of them to die in the middle. */
const DEADLY = { name: 'patient1_he_roi1', width: 64, height: 112 };
const HARMLESS = { name: 'patient2_he_roi1', width: 64, height: 49 };
const DEADLY_ROW = 1;

const folder = suiteFolder();
let image = '';

beforeAll(async () => {
  const { unpacked, served } = await writeTinyRecord(folder(), [DEADLY, HARMLESS]);
  image = join(unpacked, 'images', 'he', `${DEADLY.name}_with_context.png`);
  await writeFile(join(folder(), 'tiny.yaml'), tinyProfile(served));
});

it('sets an ROI aside that crashes three times at one tile row, and computes the rest; retry includes it again', async () => {
  const cause = join(folder(), 'cause');
  await writeFile(cause, '');
  const place = {
    home: join(folder(), 'home'),
    cwd: folder(),
    environment: {
      NODE_OPTIONS: `--import=${import.meta.resolve('../support/die-at-row.mjs')}`,
      IMAGE: await sha256OfFile(image),
      ROW: String(DEADLY_ROW),
      CAUSE: cause,
    },
  };
  const words = ['run', '--profile', 'tiny.yaml', '--tasks', 'he', '--set', 'temporal.heartbeatSeconds=2'];
  const ran = await runHere(words, place);
  expect(ran.status, ran.stderr).toBe(3);
  expect(ran.stderr).toContain('The inference worker exited (SIGKILL). Restarting it.');
  // The first one came as far as that row, and three began there.
  expect(await readFile(cause, 'utf8')).toBe('xxxx');
  const roi = `${DEADLY.name}_with_context`;
  const { remedy } = ERRORS.ROI_SET_ASIDE;
  const setAside = { roi, code: 'ROI_SET_ASIDE', cause: expect.stringContaining('the same tile row'), remedy };
  expect(JSON.parse(await readFile(join(folder(), 'results', 'tiny', 'summary.json'), 'utf8'))).toMatchObject({
    status: 'partial',
    tasks: { he: { rois: { total: 2, computed: 1, failed: 1 }, failures: [setAside] } },
  });
  expect(ran.stdout).toContain('2 ROIs: 1 computed, 0 from the cache, 1 failed');
  const told = ran.stdout.split('\n');
  const line = told.findIndex((each) => each.includes(`${roi}: ROI_SET_ASIDE: `));
  expect(told[line + 1]?.trim(), ran.stdout).toBe(remedy);

  await rm(cause);
  const retried = await runHere(['retry', '--json'], place);
  expect(retried.status, retried.stderr).toBe(0);
  expect(JSON.parse(retried.stdout)).toMatchObject({
    status: 'done',
    tasks: { he: { rois: { total: 2, computed: 1, cached: 1, failed: 0 }, failures: [] } },
  });
});
