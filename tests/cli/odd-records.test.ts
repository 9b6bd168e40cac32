import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runHere } from '../support/command-here.ts';
import { faultServer } from '../support/fault-server.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';

const entry = (key: string, bytes: string, links: object = {}) => ({
  key,
  size: Buffer.byteLength(bytes),
  checksum: `md5:${createHash('md5').update(bytes).digest('hex')}`,
  ...links,
});

/** A place for commands, and a profile of record 42 at an API that answers with this JSON and these files. */
async function placeFor(json: object, files: Readonly<Record<string, string>> = {}) {
  const { url } = await faultServer((request, response) => {
    const [, key] = /^\/api\/records\/42\/files\/(.+)\/content$/.exec(request.url ?? '') ?? [];
    if (key === undefined) return response.end(JSON.stringify({ id: 42, ...json }));
    const bytes = files[decodeURIComponent(key)];
    return bytes === undefined ? response.writeHead(404).end() : response.end(bytes);
  });
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'odd.yaml'), `name: odd\nrecord: "42"\nzenodo: { api: "${url}/api" }\n`);
  return { cwd, home: join(cwd, 'home') };
}

const words = (command: string) => [command, '--profile', 'odd.yaml', '--data', 'data', '--json'];

describe('a record without files', () => {
  it.each(['download', 'run', 'plan'])('ends `%s` with its own access status', async (command) => {
    const access = { record: 'public', files: 'restricted', status: 'restricted' };
    const restricted = await runHere(words(command), await placeFor({ access, files: [] }));
    expect(restricted.status, restricted.stderr).toBe(1);
    expect(JSON.parse(restricted.stdout).error).toMatchObject({
      code: 'ACCESS_DENIED',
      cause:
        'The files of record 42 are not public: its access status is "restricted", access to its files "restricted".',
      remedy: expect.stringContaining('ZENODO_TOKEN'),
    });
    const empty = await runHere(words(command), await placeFor({ access: { status: 'metadata-only' }, files: [] }));
    expect(empty.status, empty.stderr).toBe(1);
    expect(JSON.parse(empty.stdout).error).toMatchObject({
      code: 'RECORD_EMPTY',
      cause: expect.stringContaining('"metadata-only"'),
    });
  });
});

describe('reignite download', () => {
  it('stores files with odd names under these names, even if a link contains them unencoded', async () => {
    const files = { 'a#b.csv': 'one', 'a/what?.csv': 'two', '100%.txt': 'three', 'e\u0301 x.txt': 'four', a: 'five' };
    const keys = Object.entries(files).filter(([key]) => key !== 'a');
    const listed = keys.map(([key, bytes]) =>
      entry(key, bytes, { links: { self: `/api/records/42/files/${key}/content` } }),
    );
    const place = await placeFor({ files: listed }, files);
    const { status, stdout, stderr } = await runHere(words('download'), place);
    expect(status, stderr).toBe(0);
    const told: { key: string; verified: string }[] = JSON.parse(stdout).files;
    expect(told.map(({ key, verified }) => [key, verified])).toEqual(keys.map(([key]) => [key, 'md5']));
    for (const [key, bytes] of keys) expect(await readFile(join(place.cwd, 'data', key), 'utf8')).toBe(bytes);
    expect((await readdir(join(place.cwd, 'data'), { recursive: true })).sort()).toEqual(
      [...keys.map(([key]) => key), 'a'].sort(),
    );

    const nothing = await runHere([...words('download'), '--only', '*.zap'], place);
    expect(nothing.status, nothing.stderr).toBe(1);
    expect(JSON.parse(nothing.stdout).error).toMatchObject({
      code: 'FILE_NOT_IN_RECORD',
      cause: 'Record 42 has no file that matches *.zap.',
    });
  });

  it('rejects a record if some of its files cannot be stored', async () => {
    const place = await placeFor({ files: [entry('a.txt', 'one'), entry('a.txt/b.txt', 'two')] });
    const { status, stdout } = await runHere(words('download'), place);
    expect(status).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'RECORD_INVALID',
      cause: expect.stringContaining('"a.txt/b.txt" needs a folder where "a.txt" is a file'),
    });
  });
});
