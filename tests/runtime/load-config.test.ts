import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { RunConfig } from '../../config/schema.ts';
import { RENAMED_FIELDS } from '../../config/wrong-values.ts';
import { loadConfig } from '../../runtime/load-config.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';

/** The fields of the section of a field in a complete configuration, with `serveFrom` as in the sample. */
async function valuesOf(path: string): Promise<object> {
  const config: unknown = await loadConfig({ profile: 'sample', set: [] });
  return path
    .split('.')
    .slice(0, -1)
    .reduce((fields: object, name) => Object(Reflect.get(fields, name)), Object(config));
}

/** Paths of the fields of a JSON schema that are lists. */
function listFields(schema: unknown, path: readonly string[] = []): string[] {
  const { type, properties = {} } = z
    .looseObject({ type: z.unknown(), properties: z.record(z.string(), z.unknown()).optional() })
    .parse(schema);
  if (type === 'array') return [path.join('.')];
  return Object.entries(properties).flatMap(([name, inner]) => listFields(inner, [...path, name]));
}

describe('loadConfig', () => {
  it('reads the two profiles that come with the package', async () => {
    expect((await loadConfig({ profile: 'sample', set: [] })).zenodo.serveFrom).toBe('data/sample');
    expect((await loadConfig({ profile: 'paper', set: [] })).record).toBe('15674785');
  });

  it('applies --set in order, as YAML values', async () => {
    const config = await loadConfig({
      profile: 'paper',
      set: ['inference.threads=3', 'zenodo.keepArchives=true', 'he.scope=full', 'he.scope=annotated', 'record=0017'],
    });
    expect(config.inference.threads).toBe(3);
    expect(config.zenodo.keepArchives).toBe(true);
    expect(config.he.scope).toBe('annotated');
    expect(config.record).toBe('0017');
  });

  it('reads a custom file', async () => {
    const path = join(await temporaryFolder(), 'mine.yaml');
    await writeFile(path, 'name: mine\nrecord: "7"\nhe: { scope: annotated }\n');
    expect(await loadConfig({ profile: path, set: [] })).toMatchObject({ name: 'mine', he: { scope: 'annotated' } });
  });

  it.each(Object.entries(RENAMED_FIELDS))('rejects the old name %s and gives the new one, %s', async (old, now) => {
    const wrong = loadConfig({ profile: 'paper', set: [`${old}=1`] });
    await expect(wrong).rejects.toMatchObject({ code: 'CONFIG_INVALID', remedy: `Write ${now} instead of ${old}.` });
    await expect(wrong).rejects.toThrow(`${old} was renamed.`);
    const fields = Object.keys(await valuesOf(now));
    expect(fields).toContain(now.split('.').at(-1));
  });

  it('gives the new names of all old fields in a profile', async () => {
    const path = join(await temporaryFolder(), 'old.yaml');
    await writeFile(path, 'name: old\nrecord: "7"\nzenodo: { serve: x }\ntemporal: { window: 3 }\n');
    await expect(loadConfig({ profile: path, set: [] })).rejects.toMatchObject({
      message: 'zenodo.serve and temporal.window were renamed.',
      remedy:
        'Write zenodo.serveFrom instead of zenodo.serve. Write temporal.maxConcurrentRois instead of temporal.window.',
    });
  });

  it('names the field, the value and what is allowed', async () => {
    const wrong = loadConfig({ profile: 'paper', set: ['he.scope=half'] });
    await expect(wrong).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(wrong).rejects.toThrow(/he\.scope \(got "half"\).*full.*annotated/);
  });

  it.each([
    ['__proto__.x=1', 'the configuration: Unrecognized key: "__proto__"'],
    ['he.__proto__.scope=annotated', 'he: Unrecognized key: "__proto__"'],
    ['__proto__={x: 1}', 'the configuration: Unrecognized key: "__proto__"'],
    ['he={__proto__: {scope: annotated}}', 'he: Unrecognized key: "__proto__"'],
    ['constructor.x=1', 'the configuration: Unrecognized key: "constructor"'],
    ['he.toString=1', 'he: Unrecognized key: "toString"'],
    ['constructor.prototype.x=1', 'the configuration: Unrecognized key: "constructor"'],
  ])('refuses --set %s and leaves the objects of the program as they are', async (assignment, message) => {
    const before = Reflect.ownKeys(Object.prototype);
    await expect(loadConfig({ profile: 'paper', set: [assignment] })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(message),
    });
    expect(Reflect.ownKeys(Object.prototype)).toEqual(before);
    expect(Object.prototype.toString.call({})).toBe('[object Object]');
  });

  it.each([
    ['he,nuclei', ['he', 'nuclei']],
    ['he, nuclei', ['he', 'nuclei']],
    ['[he,nuclei]', ['he', 'nuclei']],
    ['pdl1', ['pdl1']],
  ])('reads --set tasks=%s as a list', async (tasks, list) => {
    expect((await loadConfig({ profile: 'paper', set: [`tasks=${tasks}`] })).tasks).toEqual(list);
  });

  it.each([[{ set: ['tasks=[he,he]'] }], [{ set: ['tasks=he,he'] }], [{ set: [], tasks: ['he', 'he'] }]])(
    'refuses a task that is named twice: %j',
    async (choice) => {
      await expect(loadConfig({ profile: 'paper', ...choice })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('name each task once'),
      });
    },
  );

  it('names a misspelt task of a list with commas', async () => {
    const wrong = loadConfig({ profile: 'paper', set: ['tasks=he,nuclej'] });
    await expect(wrong).rejects.toThrow('tasks.1');
  });

  it('accepts commas for every list of the configuration', () => {
    const lists = listFields(z.toJSONSchema(RunConfig, { io: 'output' }));
    expect(lists).toEqual(expect.arrayContaining(['tasks', 'he.folds']));
    const textFor = (path: string) => (path === 'tasks' ? 'he,pdl1' : '0,1');
    for (const path of lists) {
      const [group = '', field] = path.split('.');
      const fields =
        field === undefined ? { [group]: textFor(path) } : { [group]: { model: 'm', [field]: textFor(path) } };
      expect(RunConfig.safeParse({ name: 'n', record: '1', ...fields }).success, path).toBe(true);
    }
  });

  it.each([
    [{ profile: 'nowhere.yaml', set: [] }, 'CONFIG_INVALID', 'nowhere.yaml'],
    [{ profile: 'paper', set: ['scope'] }, 'USAGE', '--set scope'],
    [{ profile: 'paper', set: ['record.number=1'] }, 'CONFIG_INVALID', 'record'],
    [{ profile: 'paper', set: [], tasks: ['bones'] }, 'CONFIG_INVALID', 'tasks'],
  ])('refuses %j with %s', async (choice, code, named) => {
    const wrong = loadConfig(choice);
    await expect(wrong).rejects.toMatchObject({ code });
    await expect(wrong).rejects.toThrow(named);
  });
});
