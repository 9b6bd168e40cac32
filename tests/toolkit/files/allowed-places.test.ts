import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { packageFile } from '../../../config/package-files.ts';
import { AllowedPlaces, allowPlaces, placesNamedIn } from '../../../toolkit/files/allowed-places.ts';
import { homeFolders } from '../../../toolkit/files/folders.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

let folder = '';
const at = (...steps: string[]) => join(folder, ...steps);
const home = () => homeFolders(at('home'));

beforeEach(async () => {
  folder = await temporaryFolder();
  for (const name of ['data', 'outside', 'model', 'data-of-another']) await mkdir(at(name));
  await allowPlaces(home(), {
    written: [at('data'), at('results', 'paper')],
    read: [at('model')],
    addresses: ['https://zenodo.org/api'],
  });
});

async function check(input: unknown): Promise<string> {
  const allowed = await AllowedPlaces.of(home());
  return allowed.check(placesNamedIn(input)).then(
    () => 'allowed',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  );
}

describe('a worker', () => {
  it('may use what a command of its state directory named, and everything below', async () => {
    expect(await check({ data: at('data'), results: at('results', 'paper') })).toBe('allowed');
    expect(await check({ data: at('data', 'images', 'new') })).toBe('allowed');
    expect(await check({ model: at('model', 'fold_0') })).toBe('allowed');
    expect(await check({ model: at('data', 'model.onnx') })).toBe('allowed');
    expect(await check({ api: 'https://zenodo.org/elsewhere' })).toBe('allowed');
  });

  it('may use nothing else', async () => {
    expect(await check({ results: at('outside') })).toBe('PATH_NOT_ALLOWED');
    expect(await check({ results: at() })).toBe('PATH_NOT_ALLOWED');
    expect(await check({ results: at('results') })).toBe('PATH_NOT_ALLOWED');
    expect(await check({ data: at('data-of-another') })).toBe('PATH_NOT_ALLOWED');
    expect(await check({ data: `${at('data')}/../outside` })).toBe('PATH_NOT_ALLOWED');
    expect(await check({ results: '/' })).toBe('PATH_NOT_ALLOWED');
    for (const name of ['.', 'temporal', 'logs', 'allowed', 'cache']) {
      expect(await check({ results: at('home', name) })).toBe('PATH_NOT_ALLOWED');
    }
    for (const url of [
      'http://zenodo.org/api',
      'https://zenodo.org:444/',
      'https://zenodo.org.evil.example/',
      'file:///etc/passwd',
    ]) {
      expect(await check({ api: url })).toBe('ADDRESS_NOT_ALLOWED');
    }
    expect(await check({ roi: '../../x' })).toBe('PATH_TRAVERSAL');
  });

  it('may not write to what is only readable', async () => {
    expect(await check({ out: at('model') })).toBe('PATH_NOT_ALLOWED');
    expect(await check({ anything: at('model', 'x') })).toBe('PATH_NOT_ALLOWED');
  });

  it('resolves symbolic links in the input and in allowed paths, also above missing files', async () => {
    await symlink(at('outside'), at('data', 'link'));
    await symlink(at('data'), at('also-data'));
    expect(await check({ results: at('data', 'link') })).toBe('PATH_NOT_ALLOWED');
    expect(await check({ results: at('data', 'link', 'not', 'yet') })).toBe('PATH_NOT_ALLOWED');
    expect(await check({ data: at('also-data', 'x') })).toBe('allowed');
    // What was allowed before it existed is not what a link there leads to.
    await mkdir(at('results'));
    await symlink(at('outside'), at('results', 'paper'));
    expect(await check({ results: at('results', 'paper') })).toBe('PATH_NOT_ALLOWED');
    await symlink(at('nowhere'), at('data', 'dangling'));
    expect(await check({ results: at('data', 'dangling') })).toBe('PATH_NOT_ALLOWED');
    await symlink(at('data', 'loop'), at('data', 'loop'));
    expect(await check({ results: at('data', 'loop') })).toBe('PATH_NOT_ALLOWED');
  });

  it('learns of a run that a command starts later', async () => {
    const allowed = await AllowedPlaces.of(home());
    const named = placesNamedIn({ results: at('outside') });
    await expect(allowed.check(named)).rejects.toMatchObject({ code: 'PATH_NOT_ALLOWED' });
    await allowPlaces(home(), named);
    const checks = await Promise.allSettled([1, 2, 3].map(() => allowed.check(named)));
    expect(checks.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  it('may use what it was started with, even if the state directory names nothing', async () => {
    const other = homeFolders(at('other-home'));
    const allowed = await AllowedPlaces.of(other, placesNamedIn({ data: at('data'), api: 'https://zenodo.org/api' }));
    await expect(allowed.check(placesNamedIn({ data: at('data', 'x') }))).resolves.toBeUndefined();
    await expect(allowed.check(placesNamedIn({ results: at('results', 'paper') }))).rejects.toMatchObject({
      code: 'PATH_NOT_ALLOWED',
    });
  });

  it('ignores other files in that folder', async () => {
    await writeFile(at('home', 'allowed', '.x.json.1.0a0a0a0a.tmp'), '{');
    expect(await check({ data: at('data') })).toBe('allowed');
    expect(await check({ data: at('outside') })).toBe('PATH_NOT_ALLOWED');
  });
});

const NONE = { written: [], read: [], addresses: [], escapes: [] };

describe('the places in an input', () => {
  it('are the folders that are written, the files that are read, and the URLs', () => {
    const input = {
      folders: { data: '/srv/data', results: 'results/paper', generation: 'g1' },
      he: { model: '/models/he' },
      zenodo: { api: 'https://zenodo.org/api', mirror: '../mirror', connections: 2 },
      order: { out: '/srv/out', labels: '/labels.json' },
      image: { path: '/slides/a.png', name: 'a' },
    };
    expect(placesNamedIn(input)).toEqual({
      written: ['/srv/data', resolve('results/paper'), '/srv/out'],
      read: ['/models/he', resolve('../mirror'), '/labels.json', '/slides/a.png'],
      addresses: ['https://zenodo.org/api'],
      escapes: [],
    });
  });

  it('are found in an unknown field, where they count as written', () => {
    const path = fc.array(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1 }).map((steps) => `/${steps.join('/')}`);
    const field = fc
      .stringMatching(/^[a-z]{4,9}$/)
      .filter((name) => !/^(cause|remedy|reason|model|labels|mirror|serve|path)$/.test(name));
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 6 }), path, fc.boolean(), (fields, place, listed) => {
        const leaf: unknown = listed ? [place] : place;
        const input = fields.reduceRight((inner: unknown, name) => ({ [name]: inner }), leaf);
        expect(placesNamedIn([input])).toEqual({ ...NONE, written: [place] });
      }),
    );
  });

  it.each(['../x', 'a/../../x', 'a\\..\\x', '..', 'https://zenodo.org/../../etc/passwd', 'a\0b'])(
    'are refused where a relative one leaves its folder: %j',
    (roi) => {
      expect(placesNamedIn({ roi })).toEqual({ ...NONE, escapes: [roi] });
      expect(placesNamedIn({ [roi]: 1 })).toEqual({ ...NONE, escapes: [roi] });
    },
  );

  it.each([' http://a.example/', 'http:a.example', 'HTTPS://a.example', 'file:///etc/passwd', 'ftp://a.example'])(
    'are addresses however they are written: %j',
    (url) => expect(placesNamedIn({ file: { url } })).toEqual({ ...NONE, addresses: [url] }),
  );

  it('are not looked for in sentences, names of files and of ROIs', () => {
    const input = { failures: [{ roi: 'patient1_he_roi1', cause: '/data/x.png is damaged', remedy: '../x' }] };
    expect(placesNamedIn({ ...input, image: 'images/he/a..b.png', record: '15674785' })).toEqual(NONE);
  });

  it('include a served folder, not the URL at which another process served it', () => {
    const input = { zenodo: { serveFrom: 'data/sample' }, file: { key: 'a.zip', url: 'http://127.0.0.1:4000/a.zip' } };
    expect(placesNamedIn(input)).toEqual({ ...NONE, read: [packageFile('data/sample')] });
    expect(placesNamedIn({ ...input, file: { ...input.file, key: '../a.zip' } }).escapes).toEqual(['../a.zip']);
  });
});
