import { copyFile, cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createDownloadActivities, type ResolvedRecord } from '../../../activities/acquire/download.ts';
import { RecordServers } from '../../../activities/acquire/record-servers.ts';
import { createUnpackArchive } from '../../../activities/acquire/unpack-archive.ts';
import type { FetchRecordInput } from '../../../activities/inputs.ts';
import { ZenodoConfig } from '../../../config/schema.ts';
import { Receipts } from '../../../toolkit/cache/receipts.ts';
import { homeFolders } from '../../../toolkit/files/folders.ts';
import { RetryBudget } from '../../../toolkit/zenodo/http/retry-budget.ts';
import { serveRecord } from '../../../toolkit/zenodo/serve-record.ts';
import { suiteFolder, temporaryFolder } from '../../support/in-temporary-folder.ts';
import { runActivity } from '../../support/run-activity.ts';
import { writeTinyRecord } from '../../support/tiny-record.ts';

const folder = suiteFolder();
beforeAll(() => writeTinyRecord(folder()));

/** The steps of a state directory of its own, at an API that can go away. */
async function prepared(shared?: string) {
  const root = await temporaryFolder();
  const home = homeFolders(join(root, 'home'));
  const data = shared ?? join(root, 'data');
  const server = await serveRecord({ folder: join(folder(), 'served'), record: '42' });
  const zenodo = ZenodoConfig.parse({ api: server.api, requestsPerMinute: 60 });
  const servers = new RecordServers(home);
  const questions = vi.spyOn(servers, 'record');
  const { fetchRecord, downloadFile } = createDownloadActivities(home, servers);
  const unpackArchive = createUnpackArchive({
    receipts: new Receipts(home.receipts),
    retryBudget: new RetryBudget(home.transfers),
  });
  const base = { record: '42', tasks: ['he', 'nuclei', 'pdl1'] as const, data, whole: false, retrySeconds: 0.01 };
  const ask = (more: Partial<FetchRecordInput> = {}) =>
    runActivity(fetchRecord, { zenodo, ownModels: [], ...base, tasks: [...base.tasks], ...more });
  const stepOf = (file: ResolvedRecord['files'][number]) => ({ data, record: '42', file, zenodo, retrySeconds: 0.01 });
  const download = (file: ResolvedRecord['files'][number]) => runActivity(downloadFile, stepOf(file));
  const unpack = (file: ResolvedRecord['files'][number], { sha256 = '' }: { readonly sha256?: string }) =>
    runActivity(unpackArchive, { ...stepOf(file), sha256, mirrored: false });
  const fetchAll = async ({ files }: ResolvedRecord) => {
    for (const file of files) {
      const fetched = await download(file);
      if (file.key.endsWith('.zip')) await unpack(file, fetched);
    }
  };
  const manifest = () => new Receipts(home.receipts).manifest(data);
  return { ask, manifest, download, unpack, fetchAll, data, zenodo, questions, close: server.close };
}

const keysOf = ({ files }: ResolvedRecord) => files.map(({ key }) => key).sort();

describe('fetchRecord', () => {
  it('leaves out the models of the record if every task has a custom one', async () => {
    const { ask, close } = await prepared();
    expect(keysOf(await ask())).toContain('models.zip');
    expect(keysOf(await ask({ ownModels: ['he', 'nuclei'] }))).toContain('models.zip');
    expect(keysOf(await ask({ tasks: ['he'], ownModels: ['he'] }))).not.toContain('models.zip');
    await close();
  });

  it('sends no request if all needed files are present and verified', async () => {
    const { ask, fetchAll, data, questions, manifest, close } = await prepared();
    const found = await ask();
    await fetchAll(found);
    expect(questions).toHaveBeenCalledTimes(1);
    expect(await ask()).toEqual(found);
    const { record, files } = await manifest();
    expect(record).toMatchObject({ id: '42' });
    expect(files.map(({ key, size, md5 }) => [key, size, md5])).toEqual(
      found.files.map(({ key, size, md5 }) => [key, size, md5]).sort(),
    );
    expect(files.every(({ sha256, verified }) => /^[0-9a-f]{64}$/.test(sha256 ?? '') && verified === 'md5')).toBe(true);
    expect(questions).toHaveBeenCalledTimes(1);
    await rm(join(data, 'data_overview.csv'));
    await ask();
    expect(questions).toHaveBeenCalledTimes(2);
    await close();
  });

  it('uses a data folder unverified when offline, and names what is missing', async () => {
    const { ask, data, zenodo, close } = await prepared();
    await close();
    const offline = { zenodo: { ...zenodo, offline: true } };
    await expect(ask(offline)).rejects.toMatchObject({ code: 'FILE_MISSING' });
    const unpacked = join(folder(), 'unpacked');
    for (const name of await readdir(unpacked)) {
      if (name.includes('.')) await copyFile(join(unpacked, name), join(data, name));
      else await cp(join(unpacked, name), join(data, name), { recursive: true });
    }
    expect(await ask(offline)).toMatchObject({ id: '42', files: [] });
  });
});

describe('unpackArchive', () => {
  it('unpacks one at a time; another state directory finds the files after the archive was removed', async () => {
    const one = await prepared();
    const other = await prepared(one.data);
    const archive = (await one.ask()).files.find(({ key }) => key === 'images.zip');
    if (archive === undefined) throw new Error('Record 42 has no images.zip.');
    const fetched = await one.download(archive);
    expect(await other.download(archive)).toMatchObject({ state: 'present' });

    const homes = [one, other];
    const outcomes = await Promise.allSettled(homes.map((home) => home.unpack(archive, fetched)));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'FILE_LOCKED' } });
    const late = homes[outcomes.findIndex(({ status }) => status === 'rejected')] ?? one;
    await expect(late.unpack(archive, fetched)).rejects.toMatchObject({ code: 'FILE_MISSING' });
    expect(await late.download(archive)).toMatchObject({ state: 'unpacked' });

    const names = await readdir(one.data, { recursive: true });
    expect(names.filter((name) => /wrong|zip/.test(name))).toEqual([]);
    await Promise.all(homes.map(({ close }) => close()));
  });
});
