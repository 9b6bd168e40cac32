import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  commits,
  hasPartial,
  inferenceStarts,
  inferredTwice,
  injectFaults,
  leftBehind,
  partialStates,
} from '../support/chaos.ts';
import {
  type Command,
  isAlive,
  type Place,
  runCommand,
  serverPidOf,
  startCommand,
  until,
  workersOf,
} from '../support/command.ts';
import { runHere } from '../support/command-here.ts';
import { digestsBelow } from '../support/files-below.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { serveHome } from '../support/serve-home.ts';
import { startTestServer, type TestServer } from '../support/temporal.ts';
import { tinyProfile, writeTinyRecord } from '../support/tiny-record.ts';

/** What bit-identity is promised for. */
const PROMISED = ['inference', 'confidence', 'candidates', 'metrics', 'figures'];
/** ... in a run of tissue alone. */
const PROMISED_OF_TISSUE = ['inference', 'confidence', 'metrics', 'figures'];
const BIG = { name: 'patient1_he_roi1', width: 500, height: 380 };
const SMALL = { name: 'patient2_he_roi1', width: 64, height: 49 };

const folder = suiteFolder();

/** Picks the digests of a run of all tasks that a run of tissue alone writes too. */
function ofTissue(digests: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(digests).filter(([path]) => /^\w+\/he[/.]/.test(path)));
}

/** A state directory and a results folder of their own, and the words of the command. */
async function setUp(
  name: string,
  options: readonly string[] = [],
): Promise<Place & { words: string[]; results: string }> {
  const cwd = folder();
  const results = join(cwd, `results-${name}`);
  const words = ['run', '--profile', 'tiny.yaml', '--data', `data-${name}`, '--results', `results-${name}`];
  return { home: join(cwd, `home-${name}`), cwd, words: [...words, ...options], results };
}

/** Returns a function that says whether a worker is in the middle of an ROI that it started after this call. */
async function sinceNow({ home }: Place): Promise<() => Promise<boolean>> {
  const [starts, before] = [await inferenceStarts(home), await partialStates(home)];
  return async () => {
    const states = [...(await partialStates(home))];
    return (await inferenceStarts(home)) > starts && states.some((each) => each !== '' && !before.has(each));
  };
}

/** Does `event`, waits until another inference worker is in the middle of an ROI, and returns its PID. */
async function inferringAfter(event: () => unknown, place: Place, command: Command): Promise<number> {
  const [isInferring, old] = [await sinceNow(place), workersOf(place.home)['inference']];
  let found: number | undefined;
  await event();
  await until(async () => {
    found = workersOf(place.home)['inference'];
    return found !== undefined && found !== old && (await isInferring());
  }, command.stderr);
  return found ?? 0;
}

/** Starts an interrupted run again, and waits until an inference worker is in the middle of an ROI. */
async function resumed({ words, ...place }: Place & { readonly words: readonly string[] }): Promise<Command> {
  const isInferring = await sinceNow(place);
  const command = startCommand(words, place);
  await until(isInferring, command.stderr);
  return command;
}

/** What a command answers as a program reads it. */
async function ask(place: Place, ...words: string[]) {
  const { status, stdout, stderr } = await runHere([...words, '--json'], place);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

/** Resumes an interrupted run, then pauses, resumes and cancels it from other commands. */
async function steer(place: Place & { readonly words: readonly string[] }): Promise<void> {
  const command = await resumed(place);
  expect(command.stderr()).toContain('Attached to');
  expect(await ask(place, 'pause')).toMatchObject({ done: 'pause' });
  await command.shows('The run is paused');
  expect(await ask(place, 'status')).toMatchObject({
    status: 'running',
    paused: true,
    interventions: [{ what: 'paused' }],
  });
  await ask(place, 'resume');
  await command.shows('The run was resumed.');
  await ask(place, 'cancel');
  expect((await command.ended).status).toBe(1);
  expect((await ask(place, 'list')).runs).toMatchObject([{ status: 'cancelled' }]);
}

beforeAll(async () => {
  await writeTinyRecord(folder(), [BIG, SMALL]);
  await writeFile(join(folder(), 'tiny.yaml'), tinyProfile(join(folder(), 'served')));
});

describe('reignite run', () => {
  let undisturbed: Record<string, string> = {};

  it('creates masks, metrics and figures from a record, and computes nothing the second time', async () => {
    const place = await setUp('first');
    const first = await runCommand([...place.words, '--json'], place);
    expect(first.status, first.stderr + first.stdout).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({
      record: '42',
      profile: 'tiny',
      status: 'done',
      tasks: {
        he: { rois: { total: 2, computed: 2, cached: 0, failed: 0 }, failures: [] },
        nuclei: { rois: { total: 2, computed: 2, cached: 0, failed: 0 }, failures: [] },
        pdl1: { rois: { total: 2, computed: 2, cached: 0, failed: 0 }, failures: [] },
      },
    });
    undisturbed = await digestsBelow(place.results, PROMISED);
    expect(Object.keys(undisturbed)).toEqual(
      expect.arrayContaining([
        'inference/he/patient1_he_roi1_with_context.png',
        'confidence/he/patient2_he_roi1_with_context.png',
        'metrics/he.json',
        'metrics/nuclei.json',
        'candidates/pdl1/pdl1_roi_1.json',
        'figures/pdl1/nuclei/f1_scores_nuclei.png',
        'figures/pdl1/pdl1/f1_scores_SCDC.svg',
        'figures/pdl1/pdl1/pdl1_roi_2.png',
        'figures/he/cm.npy',
        'figures/he/cm_all.png',
        'figures/he/f1_til_use_case.svg',
        'figures/he/cases/patient2_he_roi1_with_context.png',
      ]),
    );

    const second = await runHere(place.words, place);
    expect(second.status, second.stderr).toBe(0);
    expect(second.stdout.match(/2 ROIs: 0 computed, 2 from the cache, 0 failed/g)).toHaveLength(3);
    expect(await digestsBelow(place.results, PROMISED)).toEqual(undisturbed);
    expect(workersOf(place.home)).toEqual({});
    await expect(serverPidOf(place.home)).rejects.toThrow();
  });

  // One run, because most of a run's processor time is starting its processes: each step finds what the last one left.
  it('survives kills of command, worker and everything, Ctrl-C, pause and cancel in the middle of an ROI, with the same bits', async () => {
    const place = await setUp('struck', ['--tasks', 'he']);
    const first = startCommand(place.words, place);
    await first.shows('Started');
    const second = startCommand(place.words, place);
    await second.shows('Attached to');
    await until(() => hasPartial(place.home), first.stderr);

    // The second command only watched.
    const inference = await inferringAfter(() => first.process.kill('SIGKILL'), place, second);
    await first.ended;
    expect(second.stderr()).toContain('takes over');

    await inferringAfter(() => process.kill(inference, 'SIGKILL'), place, second);
    expect(second.stderr()).toContain('The inference worker exited (SIGKILL). Restarting it.');
    const workers = Object.values(workersOf(place.home));
    expect(workers).toHaveLength(2);
    const pids = [second.process.pid ?? 0, await serverPidOf(place.home), ...workers];
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await second.ended;
    await until(() => !pids.some(isAlive));

    const third = await resumed(place);
    expect(third.stderr()).toContain('Attached to reproduce/42/tiny/');
    const server = await serverPidOf(place.home);
    expect(Object.keys(workersOf(place.home))).toHaveLength(2);
    third.process.kill('SIGINT');
    const { status, stderr } = await third.ended;
    expect(status, stderr).toBe(130);
    expect(stderr.trimEnd().split('\n').at(-1)).toBe(
      'Interrupted: run the same command to resume; finished work is kept.',
    );
    expect(isAlive(server)).toBe(false);
    expect(workersOf(place.home)).toEqual({});

    await steer(place);

    const fifth = startCommand(place.words, place);
    await fifth.shows('Started');
    const sixth = startCommand(place.words, place);
    await sixth.shows('Attached to');
    fifth.process.kill('SIGKILL');
    const last = await sixth.ended;
    expect(last.status, last.stderr).toBe(0);
    expect(last.stderr).toContain('takes over');
    expect(await digestsBelow(place.results, PROMISED_OF_TISSUE)).toEqual(ofTissue(undisturbed));
    expect(await inferredTwice(place.home)).toEqual([]);
    expect((await ask(place, 'status')).summary.tasks.he.verdict).toBe('not comparable');
  });

  it('survives a schedule of faults: the same bits, nothing inferred twice, no process left', async () => {
    const place = await setUp('chaos');
    const ended = await injectFaults(place, [
      { waits: true, afterMs: 700, fault: 'kill server' },
      { waits: true, afterMs: 500, fault: 'terminate inference' },
      { waits: true, afterMs: 1_500, fault: 'kill everything' },
      { waits: true, afterMs: 300, fault: 'kill orchestration' },
      { waits: true, afterMs: 1_500, fault: 'terminate command' },
    ]);
    expect(ended.status, ended.stderr).toBe(0);
    expect(await digestsBelow(place.results, PROMISED)).toEqual(undisturbed);
    expect(await inferredTwice(place.home)).toEqual([]);
    expect(await commits(place.home)).toBeGreaterThanOrEqual(6);
    expect(leftBehind(place.home)).toEqual([]);
  });
});

describe('reignite run on bad input', () => {
  let server: TestServer;
  const broken = suiteFolder();
  let stop: () => Promise<void>;
  const QUEUES = ['--set', 'temporal.taskQueuePrefix=broken'];
  const place = () => ({
    home: join(broken(), 'home'),
    cwd: broken(),
    environment: { TEMPORAL_ADDRESS: server.address },
  });

  beforeAll(async () => {
    server = await startTestServer();
    stop = await serveHome(place(), ['--profile', join(folder(), 'tiny.yaml'), ...QUEUES]);
  });
  afterAll(async () => {
    await stop();
    await server.stop();
  });

  /** Writes a record, spoils it, and runs it on an external server with its worker. */
  async function runSpoilt(name: string, spoil: (unpacked: string) => Promise<void>) {
    const root = join(broken(), name);
    const { unpacked } = await writeTinyRecord(root, [SMALL, { ...SMALL, name: 'patient3_he_roi1' }], spoil);
    expect(unpacked).toBeTruthy();
    const words = ['run', '--profile', join(folder(), 'tiny.yaml'), '--tasks', 'he', '--set', `name=${name}`, '--json'];
    words.push('--set', `zenodo.serveFrom=${join(root, 'served')}`, ...QUEUES);
    return {
      ...(await runHere([...words, '--data', 'data', '--results', 'results'], { ...place(), cwd: root })),
      root,
    };
  }

  it('records a file that is not an image as a failed ROI, and computes the rest', async () => {
    const ran = await runSpoilt('damaged', async (unpacked) => {
      await writeFile(join(unpacked, 'images', 'he', 'patient3_he_roi1_with_context.png'), 'no picture');
    });
    expect(ran.status, ran.stderr).toBe(3);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      status: 'partial',
      tasks: {
        he: {
          rois: { total: 2, computed: 1, failed: 1 },
          failures: [{ roi: 'patient3_he_roi1_with_context', code: 'IMAGE_UNREADABLE' }],
        },
      },
    });
    expect(await readdir(join(ran.root, 'results', 'inference', 'he'))).toEqual(['patient2_he_roi1_with_context.png']);
  });

  it.each([
    [
      'overview',
      'OVERVIEW_INVALID',
      'split',
      async (unpacked: string) => {
        const path = join(unpacked, 'data_overview.csv');
        await writeFile(path, (await readFile(path, 'utf8')).replace('split', 'splat'));
      },
    ],
    [
      'hostile',
      'CHECKPOINT_UNSAFE',
      'system',
      async (unpacked: string) => {
        const model = (await readdir(join(unpacked, 'models', 'he')))[0] ?? '';
        const path = join(unpacked, 'models', 'he', model, 'fold_0', 'model_best.model.pkl');
        await writeFile(path, 'cposix\nsystem\n(S"true"\ntR.');
      },
    ],
  ])('ends with a typed error that names what is wrong: %s', async (name, code, named, spoil) => {
    const ran = await runSpoilt(name, spoil);
    expect(ran.status, ran.stderr).toBe(1);
    const { error } = JSON.parse(ran.stdout);
    expect(error).toMatchObject({ code, cause: expect.stringContaining(named), remedy: expect.stringMatching(/\w/) });
  });
});

describe('reignite', () => {
  it('rejects unknown arguments with exit status 2', async () => {
    const place = { home: join(folder(), 'home-none'), cwd: folder() };
    expect((await runCommand(['rum'], place)).status).toBe(2);
    const wrong = await runHere(['run', '--set', 'he.scope=half', '--json'], place);
    expect(wrong.status).toBe(2);
    expect(JSON.parse(wrong.stdout).error.code).toBe('CONFIG_INVALID');
    expect((await runHere(['--help'], place)).stdout).toContain('evaluate');
  });
});
