import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { ZipFile } from 'yazl';
import { checkCells } from '../../../toolkit/preflight/check-cells.ts';
import { remoteTree } from '../../../toolkit/preflight/remote-tree.ts';
import { faultServer } from '../../support/fault-server.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';

const MEMBERS = 60;

/** An archive whose members are too far apart for one request. */
async function farApart() {
  const paths = Array.from({ length: MEMBERS }, (_, k) => `images/he/${String(k).padStart(2, '0')}.png`);
  const files = paths.map((path, k) => [path, noise(40_000, k)] as const);
  return { ...(await served('images.zip', new Map(files))), paths };
}

/** An archive of these files on a server that counts the requests. */
async function served(key: string, files: Iterable<readonly [string, Uint8Array]>, { compress = false } = {}) {
  const zip = new ZipFile();
  for (const [path, content] of files) zip.addBuffer(Buffer.from(content), path, { compress });
  zip.end();
  const bytes = await buffer(zip.outputStream);
  let requests = 0;
  const { url } = await faultServer((request, response) => {
    requests++;
    const [, start = '0', end = '0'] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
    response.writeHead(206, { 'content-range': `bytes ${start}-${end}/${bytes.length}` });
    response.end(bytes.subarray(Number(start), Number(end) + 1));
  });
  const file = { key, size: bytes.length, md5: createHash('md5').update(bytes).digest('hex'), url };
  const scratch = await temporaryFolder();
  const treeOf = (all: (typeof file)[]) =>
    remoteTree({ files: all, scratch, request: async (each) => ({ url: each.url }) });
  return { tree: await treeOf([file]), file, treeOf, requests: () => requests };
}

it('checks few of many files that cost a request each, including the first and the last', async () => {
  const { tree, paths, requests } = await farApart();
  const before = requests();
  const heads = await tree.heads(paths, 64);
  expect([...heads.keys()]).toEqual(expect.arrayContaining([paths[0], paths.at(-1)]));
  expect(heads.get(paths[0] ?? '')).toEqual(Buffer.from(noise(40_000, 0).subarray(0, 64)));
  for (let check = 0; check < 5; check++) await tree.heads(paths.slice(8 * check + 1), 64);
  // Zenodo allows 60 a minute, and a run needs some after the check.
  expect(requests() - before).toBeLessThanOrEqual(40);
  expect(heads.size).toBeGreaterThan(8);
  await tree.close();
});

it('checks all of a few files', async () => {
  const { tree, paths } = await farApart();
  expect((await tree.heads(paths.slice(0, 8), 64)).size).toBe(8);
  await tree.close();
});

/** A readers' file as its authors' programs write it: the images come first. */
function readersFile(boxes: number): Buffer {
  const images = [0, 1].map((id) => ({ id, file_name: `roi_${id}.png`, annotated_xyxy: [0, 0, 64, 64] }));
  const annotations = Array.from({ length: boxes }, (_, id) => ({
    id,
    image_id: id % 2,
    category_id: 1 + (id % 4),
    bbox: [id % 64, 7, 16, 16],
  }));
  const categories = [1, 2, 3, 4].map((n) => ({ id: n, name: 'nuclei', supercategory: `reader R${n}` }));
  return Buffer.from(JSON.stringify({ images, annotations, categories }));
}

const READERS = 'annotations/pdl1/nuclei/nuclei_annotations.json';

it.each([false, true])(
  'reads the list of images from a reader file that is too large (packed: %s)',
  async (compress) => {
    const others = new Map([['annotations/pdl1/pdl1/other.json', noise(200_000, 1)]]);
    const { tree } = await served('annotations.zip', new Map([[READERS, readersFile(1_200_000)], ...others]), {
      compress,
    });
    const { checks, rois } = await checkCells(tree, 'nuclei', { title: 'Nuclei', withModel: false });
    expect(rois).toBe(2);
    expect(checks.map(({ status, detail }) => [status, detail])).toEqual([
      ['unknown', '2 images; nuclei_annotations.json is too large to check before the download'],
      ['fail', '2 of 2 images of the readers are missing: images/pdl1/nuclei/roi_0.png, images/pdl1/nuclei/roi_1.png'],
      ['warn', '2 of 2 points files are missing: inference/pdl1/nuclei/roi_0.npy, inference/pdl1/nuclei/roi_1.npy'],
    ]);
    expect(tree.bytes()).toBeLessThan(120_000);
    await tree.close();
  },
);

it('names unusable archives by their keys, and checks the others', async () => {
  const png = noise(40_000, 1);
  const sound = await served('images.zip', [['images/he/a.png', png]]);
  const twice = await served('twice.zip', [
    ['models/a.pt', png],
    ['models/a.pt', noise(4, 1)],
  ]);
  for (const { tree } of [sound, twice]) await tree.close();
  const tree = await sound.treeOf([twice.file, sound.file]);
  const detail = 'ARCHIVE_UNSAFE: twice.zip, member "models/a.pt": has the same path as "models/a.pt".';
  expect(tree.faults).toEqual([{ subject: 'twice.zip', status: 'fail', detail, remedy: expect.any(String) }]);
  expect([...tree.sizes.keys()]).toEqual(['images/he/a.png']);
  await tree.close();
});

it('reports an archive of archives', async () => {
  const { tree } = await served('all.zip', new Map([['ignite/annotations.zip', noise(400, 1)]]));
  expect(tree.faults).toMatchObject([
    { subject: 'all.zip', detail: 'has archives in it, which are not unpacked: ignite/annotations.zip' },
  ]);
  await tree.close();
});

it('names archives that are not zip files', async () => {
  const { tree: first, file, treeOf } = await served('images.zip', [['images/he/a.png', noise(400, 1)]]);
  await first.close();
  const tree = await treeOf([file, { ...file, key: 'models.tar.gz' }, { ...file, key: 'notes.txt' }]);
  const detail = 'is not a zip file and is not unpacked';
  expect(tree.faults).toMatchObject([{ subject: 'models.tar.gz', status: 'warn', detail }]);
  await tree.close();
});

it('keeps room for the starts of files when it downloads whole files, each of them once', async () => {
  const files = [0, 1, 2, 3].map((k) => [`annotations/${k}.json`, noise(180_000, k)] as const);
  const { tree } = await served('annotations.zip', files);
  const [first = '', second = '', third = '', fourth = ''] = files.map(([path]) => path);
  for (const path of [first, second, first, third, second]) expect(await tree.local(path)).toBeDefined();
  expect(await tree.local(fourth)).toBeUndefined();
  expect(tree.bytes()).toBeLessThan(640_000);
  const start = await tree.start(fourth, 1_000);
  expect(start?.subarray(0, 1_000)).toEqual(Buffer.from(noise(180_000, 3).subarray(0, 1_000)));
  await tree.close();
});

it('checks fewer files if they are close together and many bytes would be downloaded with them', async () => {
  const files = Array.from({ length: 40 }, (_, k) => [`images/${10 + k}.png`, noise(15_000, k)] as const);
  const { tree } = await served('images.zip', files);
  const paths = files.map(([path]) => path);
  expect((await tree.heads(paths, 64)).size).toBeGreaterThan(8);
  for (let check = 0; check < 8; check++) await tree.heads(paths.slice(check), 64);
  expect(tree.bytes()).toBeLessThan(900 * 2 ** 10);
  await tree.close();
});
