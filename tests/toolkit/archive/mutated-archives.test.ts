import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { unpackArchive } from '../../../toolkit/archive/unpack-archive.ts';
import { ReigniteError } from '../../../toolkit/errors.ts';
import { filesBelow } from '../../support/files-below.ts';
import { type RandomNumbers, randomNumbers } from '../../support/random-numbers.ts';
import { rawZip } from '../../support/raw-zip.ts';

const CONTENTS: Readonly<Record<string, string>> = {
  'images/he/a.png': 'stored content of a',
  'images/he/b.png': 'deflated '.repeat(40),
  'images/pdl1/c.png': '',
};
const MEMBERS = Object.entries(CONTENTS).map(([name, content], k) => ({ name, content, deflate: k === 1 }));
const ORIGINALS = [
  rawZip(MEMBERS),
  rawZip(
    MEMBERS.map((member) => ({ ...member, zip64: true })),
    { zip64: true, comment: 'c' },
  ),
];
/** Values on which parsers of sizes and offsets stumble. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x50];

function mutated({ below, oneOf }: RandomNumbers): Buffer {
  const zip = Buffer.from(oneOf(ORIGINALS));
  for (let k = below(4); k >= 0; k--) {
    const at = below(zip.length);
    const kind = below(4);
    if (kind === 0) zip[at] = below(256);
    else if (kind === 1) zip[at] = oneOf(EDGES);
    else if (kind === 2) zip.subarray(at, at + 1 + below(8)).fill(0xff);
    else zip.copyWithin(at, below(zip.length), below(zip.length));
  }
  return below(10) === 0 ? zip.subarray(0, below(zip.length)) : zip;
}

it('unpacks 500 damaged archives correctly or says what is wrong, and writes nowhere else', async () => {
  const random = randomNumbers(15_674_785);
  const outcomes = { right: 0, refused: 0 };
  for (let n = 0; n < 500; n++) {
    const folder = await mkdtemp(join(tmpdir(), 'reignite-fuzz-'));
    const archive = join(folder, 'images.zip');
    await writeFile(archive, mutated(random));
    try {
      const { files } = await unpackArchive({ archive, target: join(folder, 'data'), root: 'images' });
      outcomes.right++;
      // A changed name is another archive, not a damaged one; the content under any name is checked by its CRC.
      const found = await filesBelow(join(folder, 'data'));
      expect(Object.keys(found).sort()).toEqual(files.map(({ path }) => path).sort());
      for (const content of Object.values(found)) expect(Object.values(CONTENTS)).toContain(content);
    } catch (error) {
      if (!(error instanceof ReigniteError)) throw error;
      expect(['ARCHIVE_CORRUPT', 'ARCHIVE_UNSAFE']).toContain(error.code);
      outcomes.refused++;
    }
    const written = Object.keys(await filesBelow(folder));
    expect(written.filter((path) => path !== 'images.zip' && !path.startsWith('data/images/'))).toEqual([]);
    expect(written.filter((path) => path.endsWith('.tmp'))).toEqual([]);
    await rm(folder, { recursive: true });
  }
  expect(outcomes.right).toBeGreaterThan(20);
  expect(outcomes.refused).toBeGreaterThan(200);
});
