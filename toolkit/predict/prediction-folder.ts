import { link, lstat, open, readdir, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { TASKS, type Task } from '../../config/tasks.ts';
import { bestEffort } from '../concurrency.ts';
import { ReigniteError } from '../errors.ts';
import { sweepTemporaries, temporaryPathBeside, writeFileAtomic } from '../files/atomic-write.ts';
import { codeOf, hasCode, statIfThere } from '../files/file-access.ts';
import { makeFolder } from '../files/folders.ts';
import { sha256OfFile } from '../files/hash-file.ts';
import { type FileLock, lockFile } from '../files/lease.ts';
import { readJsonIfValid } from '../files/text-file.ts';
import { sha256OfChannels } from '../image/channel-files.ts';
import { taskNamed } from '../tasks/task-named.ts';
import { withValuesInEffect } from './detection-plan.ts';
import {
  type ClaimedModel,
  cellFiles,
  type ImagePrediction,
  type NamedImage,
  type PredictionOrder,
  PredictionSettings,
  type SettingsInEffect,
  slideCellFiles,
  slideTissueFiles,
  tissueFiles,
  UsedModel,
} from './prediction.ts';
import { ImageFailure, PredictedImage, type PredictionSummary, writePredictionSummary } from './prediction-summary.ts';

/** Subfolder with the settings of the prediction and the outcome of each image. */
const OWN_FOLDER = '.reignite';
const MAX_PARALLEL = 32;
const LOOK_AGAIN_MS = 200;
const WAIT_MS = 60_000;

/** What all predictions in one folder have in common. */
const Claim = z.object({
  task: z.enum(TASKS),
  model: UsedModel.extend({ path: z.string() }),
  settings: PredictionSettings,
});
export type Claim = z.infer<typeof Claim>;

/** A claim, with what is needed to compare it with claims of earlier versions. */
export interface WantedClaim extends Claim {
  readonly inEffect?: SettingsInEffect;
}

/** Builds the claim of a prediction: the task, model and settings that all images in its folder must share. */
export async function claimOf(order: PredictionOrder, { inEffect, ...model }: ClaimedModel): Promise<WantedClaim> {
  const labels = order.labels === undefined ? {} : { labels: await sha256OfFile(order.labels) };
  const { regions: file } = order.choices;
  const regions = file === undefined ? {} : { regions: await sha256OfFile(file) };
  const chosen = { ...order.choices, ...labels, ...regions, ...engineIn(order) };
  const settings = withValuesInEffect(chosen, inEffect);
  return { task: order.task, model: { path: order.model, ...model }, settings, ...(inEffect && { inEffect }) };
}

/** Returns the engine settings. None for the exact engine, so that folders older than the fast engine stay valid. */
function engineIn({ session: { engine, precision } }: PredictionOrder): PredictionSettings {
  if (engine === undefined || engine === 'exact') return {};
  return { engine, ...(precision !== undefined && { precision }) };
}

/** Outcome of an image. Without a prediction and a failure, it was started and never finished. */
const Outcome = z.object({
  image: z.string().describe('Absolute path'),
  name: z.string(),
  prediction: PredictedImage.exactOptional(),
  failure: ImageFailure.exactOptional(),
  parts: z
    .record(z.string(), ImageFailure)
    .exactOptional()
    .describe('Failures of parts of the image, such as the strips of a slide'),
});
type Outcome = z.infer<typeof Outcome>;
type PartFailures = NonNullable<Outcome['parts']>;

/**
 * The output folder of a prediction. Its tables cover every image that any process ever predicted into it, all with the
 * same model and settings. Several processes may write different images at the same time.
 */
export class PredictionFolder {
  readonly #out: string;

  /** @param out - Absolute path. */
  constructor(out: string) {
    this.#out = out;
  }

  /**
   * Locks the folder against other commands.
   *
   * @throws ReigniteError RESULTS_IN_USE naming the other process; NOT_WRITABLE, NO_SPACE.
   */
  async lock(): Promise<FileLock> {
    await this.#refuseForeign();
    const made = await makeOutFolder(this.#own);
    const { lost, release } = await lockFile(join(this.#own, 'lock'), `The folder ${this.#out}`, {
      held: { code: 'RESULTS_IN_USE', remedy: 'Wait for the other command, or name another folder with `--out`.' },
    });
    return { lost, release: () => release().then(() => this.#removeUnused(made)) };
  }

  /**
   * Claims the folder for this model and these settings. Replaces an earlier claim under which no image was predicted. Call
   * it only while holding the lock.
   *
   * @throws ReigniteError PREDICTION_CONFLICT naming what differs; NOT_WRITABLE, NO_SPACE.
   */
  async claim(claim: WantedClaim): Promise<void> {
    if (await this.#isUnused()) {
      await rm(join(this.#own, 'images'), { recursive: true, force: true });
      await writeFileAtomic(this.#claimPath, toJson(Claim.parse(claim)));
    }
    await this.expect(claim);
  }

  /**
   * Checks that the folder belongs to this model and these settings. Claims it if no one has.
   *
   * @throws ReigniteError PREDICTION_CONFLICT naming what differs; NOT_WRITABLE, NO_SPACE.
   */
  async expect(claim: WantedClaim): Promise<void> {
    await this.#refuseForeign();
    await makeOutFolder(this.#own);
    const isFirst =
      (await this.#readClaim()) === undefined && (await placeFile(this.#claimPath, toJson(Claim.parse(claim))));
    const known = isFirst ? claim : await this.#readClaim();
    const differing = known === undefined ? [] : differences(known, claim);
    if (differing.length === 0) return;
    throw new ReigniteError(
      'PREDICTION_CONFLICT',
      `${this.#out} contains predictions with other settings: ${differing.join('; ')}. One table cannot cover both.`,
    );
  }

  /**
   * Checks that all files of these images can be written, and that none would overwrite those of another image.
   *
   * @throws ReigniteError NOT_WRITABLE, NO_SPACE, NAME_TOO_LONG; USAGE if the folder contains another image of that name.
   */
  async refuseUnwritable(task: Task, images: readonly NamedImage[]): Promise<void> {
    const paths = images.flatMap((image) => this.#filesOf(task, image.name).map((path) => ({ path, image })));
    const longest = new Map<string, (typeof paths)[number]>();
    for (const each of paths) {
      const known = longest.get(dirname(each.path));
      if (known === undefined || lengthOf(known.path) < lengthOf(each.path)) longest.set(dirname(each.path), each);
    }
    for (const [folder, { path, image }] of longest) {
      await makeOutFolder(folder);
      await tryWriting(path, image.path);
    }
    await this.#sweep(images);
    for (const { path } of paths) {
      if (!(await statIfThere(path))?.isDirectory()) continue;
      throw new ReigniteError('NOT_WRITABLE', `${path} is a folder, but a file must be written there.`, {
        remedy: 'Name another folder with `--out`, or move that folder away.',
      });
    }
    for (const image of images) await this.#refuseOtherImage(image);
  }

  /** Removes temporary files that interrupted commands left for these images or slides. */
  async #sweep(images: readonly NamedImage[]): Promise<void> {
    const kinds = [tissueFiles, cellFiles, slideTissueFiles, slideCellFiles];
    const files = images.flatMap(({ name }) => kinds.flatMap((filesOf) => Object.values(filesOf(name))));
    const names = new Set([...files.map((file) => basename(file)), ...images.map(({ name }) => `${name}.json`)]);
    const folders = new Set(files.map((file) => join(this.#out, dirname(file))));
    for (const folder of [...folders, join(this.#own, 'images')]) {
      await sweepTemporaries(folder, { of: (name) => names.has(name) });
    }
  }

  /** Records that an image was started and may have left files. */
  async begin(image: NamedImage): Promise<void> {
    const known = await this.#readOutcome(image.name);
    await this.#writeOutcome({ ...(known?.prediction && { prediction: known.prediction }), ...naming(image) });
  }

  /** Removes the record of an image that was started but left no files. */
  async abandon(task: Task, { name }: NamedImage): Promise<void> {
    const files = this.#filesOf(task, name).filter((path) => path !== this.#outcomePath(name));
    const existing = await Promise.all(files.map((path) => stat(path).then(Boolean, () => false)));
    if (!existing.includes(true)) await rm(this.#outcomePath(name), { force: true });
  }

  async finish(image: NamedImage, prediction: ImagePrediction): Promise<void> {
    await this.#writeOutcome({ ...naming(image), prediction: PredictedImage.parse(prediction) });
  }

  /** Records the failure of an image. An earlier prediction of it keeps its files and its rows in the tables. */
  async fail(image: NamedImage, failure: ImageFailure): Promise<void> {
    const known = await this.#readOutcome(image.name);
    await this.#writeOutcome({ ...(known?.prediction && { prediction: known.prediction }), ...naming(image), failure });
  }

  /** Records the failure of a part of an image. Failures of its other parts stay recorded. */
  async failPart(image: NamedImage, failure: ImageFailure, part: string): Promise<void> {
    await this.#changeParts(image, (parts) => ({ ...parts, [part]: failure }));
  }

  /** Removes the failure of a part of an image that has now been computed. Failures of other parts stay recorded. */
  async recover(image: NamedImage, part: string): Promise<void> {
    if ((await this.#readOutcome(image.name))?.parts?.[part] === undefined) return;
    await this.#changeParts(image, ({ [part]: _, ...others }) => others);
  }

  /** Updates the failures under a lock, because several workers may compute parts of one image at the same time. */
  async #changeParts(image: NamedImage, change: (parts: PartFailures) => PartFailures): Promise<void> {
    const lock = await lockPatiently(join(this.#own, 'parts.lock'), `The failures in ${this.#out}`);
    try {
      const { parts: before = {}, ...known } = (await this.#readOutcome(image.name)) ?? {};
      const parts = change(before);
      await this.#writeOutcome({ ...known, ...naming(image), ...(Object.keys(parts).length > 0 && { parts }) });
    } finally {
      await lock.release();
    }
  }

  /**
   * Writes `summary.json` and the table of numbers for all images in the folder.
   *
   * @param latest - Images of this command. They are listed last, in this order, after all others sorted by name.
   * @throws ReigniteError FILE_MISSING if the folder was never claimed; NO_SPACE, NOT_WRITABLE.
   */
  async writeSummary(latest: readonly NamedImage[]): Promise<PredictionSummary> {
    // With the lock, the process that writes last has seen the images of all others.
    const lock = await lockPatiently(join(this.#own, 'tables.lock'), `The tables of ${this.#out}`);
    try {
      const claim = await this.#readClaim();
      if (claim === undefined) {
        const remedy = 'Run the same `npx reignite predict` again: it rewrites the files from the cache.';
        throw new ReigniteError('FILE_MISSING', `${this.#out} no longer contains a prediction.`, { remedy });
      }
      const outcomes = inOrder(await this.#readOutcomes(), latest);
      const summary: PredictionSummary = {
        ...claim,
        images: outcomes.flatMap(({ prediction }) => prediction ?? []),
        failures: outcomes.flatMap((outcome) => failureIn(outcome) ?? []),
      };
      await writePredictionSummary(this.#out, summary);
      return summary;
    } finally {
      await lock.release();
    }
  }

  get #own(): string {
    return join(this.#out, OWN_FOLDER);
  }

  get #claimPath(): string {
    return join(this.#own, 'prediction.json');
  }

  #outcomePath(name: string): string {
    return join(this.#own, 'images', `${name}.json`);
  }

  #filesOf(task: Task, name: string): readonly string[] {
    const files = Object.values(taskNamed(task).predictionFiles(name));
    return [...files.map((file) => join(this.#out, file)), this.#outcomePath(name)];
  }

  /** Throws if the folder contains files that the tables do not cover, from an earlier version or another program. */
  async #refuseForeign(): Promise<void> {
    if ((await this.#readClaim()) !== undefined) return;
    const summary = await statIfThere(join(this.#out, 'summary.json'));
    if (summary === undefined && !(await this.#holdsOutputs())) return;
    const what = summary === undefined ? 'predictions without their settings' : 'results that predict did not write';
    throw new ReigniteError('PREDICTION_CONFLICT', `${this.#out} holds ${what}.`);
  }

  /** Returns whether all recorded images failed without output. An unfinished image may still be computed by a durable run. */
  async #isUnused(): Promise<boolean> {
    if ((await this.#readClaim()) === undefined || (await this.#holdsOutputs())) return false;
    return (await this.#readOutcomes()).every((outcome) => notedIn(outcome) !== undefined && !outcome.prediction);
  }

  /** Removes a folder that this command created but did not claim. */
  async #removeUnused(made: string | undefined): Promise<void> {
    if (made === undefined || (await this.#readClaim()) !== undefined) return;
    for (const folder of made === this.#own ? [this.#own] : [this.#own, this.#out]) {
      await bestEffort(rmdir(folder), 'it may contain other files');
    }
  }

  async #holdsOutputs(): Promise<boolean> {
    const files = [...Object.values(tissueFiles('any')), ...Object.values(cellFiles('any'))];
    for (const folder of new Set(files.map((file) => join(this.#out, dirname(file))))) {
      const names = await readdir(folder).catch(() => []);
      if (names.some((name) => !name.startsWith('.'))) return true;
    }
    return false;
  }

  async #refuseOtherImage(image: NamedImage): Promise<void> {
    const { name, path } = image;
    const known = await this.#readOutcome(name);
    if (known?.prediction === undefined || known.image === path) return;
    if (await isSameImage(known.image, known.prediction.sha256, image)) return;
    throw new ReigniteError(
      'USAGE',
      `${this.#out} already contains ${name}, predicted from ${known.image}, not ${path}.`,
      {
        remedy: 'Name another folder with `--out`, or rename the image.',
      },
    );
  }

  async #readClaim(): Promise<Claim | undefined> {
    return readJsonIfValid(this.#claimPath, Claim);
  }

  async #readOutcome(name: string): Promise<Outcome | undefined> {
    return readJsonIfValid(this.#outcomePath(name), Outcome);
  }

  async #writeOutcome(outcome: Outcome): Promise<void> {
    await writeFileAtomic(this.#outcomePath(outcome.name), toJson(outcome));
  }

  async #readOutcomes(): Promise<Outcome[]> {
    const names = await readdir(join(this.#own, 'images')).catch(() => []);
    const listed = names.filter((name) => name.endsWith('.json')).sort();
    const outcomes: (Outcome | undefined)[] = [];
    for (let at = 0; at < listed.length; at += MAX_PARALLEL) {
      const some = listed.slice(at, at + MAX_PARALLEL);
      outcomes.push(...(await Promise.all(some.map((name) => this.#readOutcome(name.slice(0, -'.json'.length))))));
    }
    return outcomes.filter((outcome) => outcome !== undefined);
  }
}

/**
 * Returns whether an image has the bytes of one that was predicted from another path.
 *
 * @param recorded - SHA-256 of the predicted image, over all channels if they were files.
 */
async function isSameImage(
  predicted: string,
  recorded: string | undefined,
  { path, channels }: NamedImage,
): Promise<boolean> {
  if (channels !== undefined) {
    const digest = await sha256OfChannels(channels).catch(() => undefined);
    return digest !== undefined && digest === recorded;
  }
  const [before, now] = await Promise.all([predicted, path].map((file) => sha256OfFile(file).catch(() => undefined)));
  return before !== undefined && before === now && (recorded === undefined || recorded === now);
}

function naming({ path, name }: NamedImage): Pick<Outcome, 'image' | 'name'> {
  return { image: path, name };
}

/** Converts an error to the failure that is recorded for an image. */
export function failureOf({ path: image }: NamedImage, error: unknown): ImageFailure {
  const known =
    error instanceof ReigniteError
      ? error
      : new ReigniteError(
          'INTERNAL',
          `Unexpected error in ${image}: ${error instanceof Error ? error.message : String(error)}`,
        );
  const { code, message: cause, remedy } = known;
  return { image, code, cause, remedy };
}

/** Returns the failure of an image, or else of the first of its parts that failed. */
function notedIn({ failure, parts = {} }: Outcome): ImageFailure | undefined {
  return failure ?? Object.values(parts)[0];
}

function failureIn(outcome: Outcome): ImageFailure | undefined {
  const { image, prediction } = outcome;
  const noted = notedIn(outcome);
  if (noted !== undefined || prediction !== undefined) return noted;
  return {
    image,
    code: 'CANCELLED',
    cause: `${image} was started but not finished.`,
    remedy: 'Run its command again to resume.',
  };
}

function inOrder(outcomes: readonly Outcome[], latest: readonly NamedImage[]): readonly Outcome[] {
  const places = new Map(latest.map(({ name }, place) => [name, place]));
  const placeOf = ({ name }: Outcome) => places.get(name) ?? -1;
  return [...outcomes].sort((a, b) => placeOf(a) - placeOf(b));
}

/** Describes the differences between two claims for a message. */
function differences(inFolder: Claim, wanted: WantedClaim): string[] {
  const found: string[] = [];
  if (inFolder.task !== wanted.task) found.push(`--task ${inFolder.task} in the folder, ${wanted.task} now`);
  const digests = [wanted.model.digest, wanted.inEffect?.earlierDigest];
  const isSameModel =
    digests.includes(inFolder.model.digest) && inFolder.model.folds?.join() === wanted.model.folds?.join();
  if (!isSameModel) {
    const [before, now] = [described(inFolder, wanted), described(wanted, inFolder)];
    found.push(`the model ${before} in the folder, ${now} now`);
  }
  const known = { ...wanted.inEffect?.usual, ...inFolder.settings };
  const names = new Set([...Object.keys(known), ...Object.keys(wanted.settings)]);
  for (const name of names) {
    const [before, now] = [known[name], wanted.settings[name]];
    if (before !== now)
      found.push(`${optionOf(name)} ${before ?? 'not given'} in the folder, ${now ?? 'not given'} now`);
  }
  return found;
}

/** Describes the model of a claim; `--mirroring`, which is part of its digest, only where the other claim differs in it. */
function described({ model }: Claim, { model: other }: Claim): string {
  const { path, digest, folds } = model;
  const [isMirrored, isOtherMirrored] = [model, other].map(isMirroredModel);
  const parts = [
    digest.slice(0, 12),
    ...(folds === undefined ? [] : [`folds ${folds.join(',')}`]),
    ...(isMirrored === isOtherMirrored ? [] : [`${isMirrored ? 'with' : 'without'} --mirroring`]),
  ];
  return `${path} (${parts.join(', ')})`;
}

function isMirroredModel({ mirrorAxes = [] }: UsedModel): boolean {
  return mirrorAxes.length > 0;
}

/** Returns the option of a setting: `minArea` becomes `--min-area`. */
function optionOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function lengthOf(path: string): number {
  return Buffer.byteLength(basename(path));
}

function toJson(value: object): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}

/** Creates a file atomically. Returns false if it already exists. */
async function placeFile(path: string, text: string): Promise<boolean> {
  const temporary = temporaryPathBeside(path);
  try {
    await writeFile(temporary, text, { flag: 'wx' });
    await link(temporary, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    // The file system has no hard links. Two processes may then create the file at the same moment, which is accepted.
    await writeFileAtomic(path, text);
    return true;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Creates a folder. @returns The topmost folder that had to be created. */
async function makeOutFolder(path: string): Promise<string | undefined> {
  try {
    return await makeFolder(path);
  } catch (error) {
    if (!(error instanceof ReigniteError) || error.code !== 'NOT_WRITABLE') throw error;
    const remedy = 'Name a writable folder with `--out`.';
    throw new ReigniteError('NOT_WRITABLE', error.message, { cause: error, remedy });
  }
}

/** Writes a probe file next to `path`, which has the longest name in its folder, and removes it. */
async function tryWriting(path: string, image: string): Promise<void> {
  const probe = temporaryPathBeside(path);
  try {
    await (await open(probe, 'wx')).close();
    // The name itself may be too long even if that of the probe file is not.
    await lstat(path).catch(unlessMissing);
  } catch (error) {
    const code = codeOf(error) ?? 'unknown';
    if (code === 'ENAMETOOLONG') {
      const cause = `The name of the image ${basename(image)} is too long for the files derived from it.`;
      throw new ReigniteError('NAME_TOO_LONG', cause, { cause: error, remedy: 'Give the image a shorter name.' });
    }
    throw new ReigniteError(
      code === 'ENOSPC' ? 'NO_SPACE' : 'NOT_WRITABLE',
      `Nothing can be written into ${dirname(path)} (${code}).`,
      { cause: error, remedy: 'Use `--out` to name a writable folder on a disk with free space.' },
    );
  } finally {
    await bestEffort(rm(probe, { force: true }), 'an empty probe file');
  }
}

function unlessMissing(error: unknown): void {
  if (!hasCode(error, 'ENOENT')) throw error;
}

async function lockPatiently(path: string, subject: string): Promise<FileLock> {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    try {
      return await lockFile(path, subject);
    } catch (error) {
      const mayWait = error instanceof ReigniteError && error.code === 'FILE_LOCKED' && Date.now() < end;
      if (!mayWait) throw error;
      await sleep(LOOK_AGAIN_MS);
    }
  }
}
