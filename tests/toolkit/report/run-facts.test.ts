import { readdir, readFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RunConfig } from '../../../config/schema.ts';
import { commandOf, readConfiguration, writeConfiguration } from '../../../toolkit/report/configuration.ts';
import { environment } from '../../../toolkit/report/environment.ts';
import { TaskSummary } from '../../../toolkit/report/summary.ts';
import { readEnvironments, recordEnvironment } from '../../../toolkit/results/results-folder.ts';
import { VerdictEngine } from '../../../toolkit/verdict/verdict-file.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

describe('the facts of a run', () => {
  it('contain its configuration as a profile, and no absolute path', async () => {
    const results = await temporaryFolder();
    const config = RunConfig.parse({ name: 'x', record: '0042', he: { model: '/home/someuser/models/mine' } });
    await writeConfiguration(results, config);
    expect(await readFile(join(results, 'configuration.yaml'), 'utf8')).not.toContain('someuser');
    const kept = await readConfiguration(results);
    expect(kept).toEqual({ ...config, he: { ...config.he, model: 'PATH/mine' } });
    expect(commandOf('x', kept)).toBe('npx reignite run --profile configuration.yaml');
  });

  it('contain the command that repeats a run of a shipped profile, with its --set options', () => {
    const plain = { name: 'paper', record: '15674785', zenodo: { connections: 1 }, temporal: { maxConcurrentRois: 9 } };
    expect(commandOf('paper', RunConfig.parse(plain))).toBe('npx reignite run --profile paper');
    const set = RunConfig.parse({ ...plain, tasks: ['he'], he: { scope: 'annotated' }, discrepancies: { full: true } });
    expect(commandOf('paper', set).split(' \\\n  ')).toEqual([
      'npx reignite run --profile paper',
      `--set 'tasks=["he"]'`,
      '--set he.scope=annotated',
      '--set discrepancies.full=true',
    ]);
    const newer = RunConfig.parse({ ...plain, record: '17735903', zenodo: { api: 'https://sandbox.zenodo.org/api' } });
    expect(commandOf('paper', newer).split(' \\\n  ').slice(1)).toEqual([
      '--set record=17735903',
      '--set zenodo.api=https://sandbox.zenodo.org/api',
    ]);
  });

  it('contain a folder that replaced the record: without it the command would compare something else', () => {
    const served = { name: 'paper', record: '15674785', zenodo: { serveFrom: 'data/sample' } };
    expect(commandOf('paper', RunConfig.parse(served))).toContain('--set zenodo.serveFrom=data/sample');
  });

  it('name engine, precision, batch and GPU of what was run', async () => {
    const results = await temporaryFolder();
    const gpu = { provider: 'cuda', adapter: 'NVIDIA H200', driver: '580.95.05' };
    const fast = { ...gpu, ortVersion: '1.2.3', engine: 'fast', precision: 'float16', batchSize: 4 } as const;
    await recordEnvironment(results, environment('inference', '0.1.0', fast));
    const { ortVersion, ...named } = fast;
    expect((await readEnvironments(results))[0]).toMatchObject({ ...named, onnxRuntime: ortVersion });
    const engine = VerdictEngine.parse({ ...fast, model: 'm' });
    expect(engine).toMatchObject(fast);
    expect(TaskSummary.shape.engine.parse(engine)).toEqual(named);
  });

  it('list machines of the same kind once, without user and host', async () => {
    const results = await temporaryFolder();
    const engine = { ortVersion: '1.2.3', provider: 'cpu' };
    for (let time = 0; time < 2; time++) await recordEnvironment(results, environment('inference', '0.1.0', engine));
    await recordEnvironment(results, environment('orchestration', '0.1.0'));
    expect(await readdir(join(results, 'environment'))).toHaveLength(2);
    const machines = await readEnvironments(results);
    expect(machines[0]).toMatchObject({ role: 'inference', onnxRuntime: '1.2.3', provider: 'cpu' });
    const values = machines.flatMap((machine) => Object.values(machine));
    expect(values).not.toContain(hostname());
    expect(values).not.toContain(userInfo().username);
  });
});
