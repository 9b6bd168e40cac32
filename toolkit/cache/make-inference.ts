import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { readJsonIfValid } from '../files/json-file.ts';
import { stepReached } from '../nnunet/sliding-window/partial-roi.ts';
import { type KeyedEngine, type RanEngine, refuseOtherEngine } from '../onnx/session/refuse-other-engine.ts';
import type { OnTurn } from '../threads/inference-thread.ts';
import { tilesReached } from '../yolo/detect/partial-detection.ts';
import { type Made, type MakeServices, make, type Product, type Work } from './make.ts';
import type { KeyParts } from './step-cache.ts';

/** Attempts in a row that may die without having finished a step; the next one sets the ROI aside. */
const MAX_CRASHES = 3;

const Log = z.object({ marker: z.string(), attempts: z.number().int() });

/**
 * Begins an attempt at an ROI, and counts those that ended without an error and without progress: a process killed by the
 * system, a crash in native code. An attempt that advanced, or that was cancelled, does not count.
 *
 * @param work - The ROI's work folder; its `partial` records how far the last attempt came.
 * @throws ReigniteError ROI_SET_ASIDE when three attempts in a row died where this one would begin.
 */
export async function beginAttempt(work: string, roi: string, signal: AbortSignal): Promise<void> {
  const path = pathIn(work);
  const marker = await reached(join(work, 'partial'));
  const last = await readLog(path);
  const attempts = last?.marker === marker ? last.attempts : 0;
  if (attempts >= MAX_CRASHES) {
    await rm(path, { force: true });
    throw new ReigniteError(
      'ROI_SET_ASIDE',
      `ROI ${roi}: ${attempts} attempts in a row failed in inference, or ended their worker process, at the same tile row.`,
    );
  }
  await writeFileAtomic(path, JSON.stringify({ marker, attempts: attempts + 1 }));
  signal.addEventListener('abort', () => rmSync(path, { force: true }), { once: true });
}

/**
 * Records how an attempt ended. A named error is not a crash, and its own number of attempts
 * holds; INFERENCE_FAILED is also what a dead thread leaves, and has no other limit.
 */
async function endAttempt(work: string, error: unknown): Promise<void> {
  if (error instanceof ReigniteError && error.code === 'INFERENCE_FAILED') return;
  await rm(pathIn(work), { force: true });
}

/** An attempt whose end is watched. */
interface CountedAttempt {
  /** As in `beginAttempt`. */
  readonly work: string;
  readonly roi: string;
  readonly signal: AbortSignal;
  /** Whether it waits for others before it calls `onTurn`: should one of those crash, it is not to blame. */
  readonly atTurn?: boolean;
}

/** Does `attempt`, which counts from `beginAttempt` to, should it fail, `endAttempt`. */
export async function countCrashes<Result>(
  { work, roi, signal, atTurn = false }: CountedAttempt,
  attempt: (onTurn: OnTurn) => Promise<Result>,
): Promise<Result> {
  let isCounted = false;
  const onTurn = async () => {
    if (isCounted) return;
    await beginAttempt(work, roi, signal);
    isCounted = true;
  };
  if (!atTurn) await onTurn();
  try {
    return await attempt(onTurn);
  } catch (error) {
    if (isCounted) await endAttempt(work, error);
    throw error;
  }
}

/** Only what advances: an attempt signs the partial result as its own before it has done anything. */
async function reached(partial: string): Promise<string> {
  const { row, fold } = stepReached(partial);
  return `${row} ${fold} ${await tilesReached(partial)}`;
}

function pathIn(work: string): string {
  return join(work, 'attempts.json');
}

async function readLog(path: string): Promise<z.infer<typeof Log> | undefined> {
  return readJsonIfValid(path, Log);
}

/** What a network made, and what it really ran on. */
export interface InferredProduct extends Product {
  readonly ran: RanEngine;
}

/** How an inference is watched. */
export interface InferenceGuard {
  /** What the key says that the network runs on. */
  readonly engine: KeyedEngine;
  /** What to do where another engine ran. */
  readonly remedy?: string;
  /**
   * Counts attempts that die without progress, and sets the image aside after three; without it they are not counted.
   */
  readonly crashes?: {
    readonly name: string;
    readonly signal: AbortSignal;
    /** Whether the attempt counts only from its turn, which `infer` then says. */
    readonly atTurn?: boolean;
  };
  /** Added to the facts of what is made. */
  readonly facts?: object;
}

/**
 * Infers once per key: the engine that really ran is compared with the key, attempts that die are counted, and a
 * killed attempt is resumed from the folder it left.
 *
 * @throws ReigniteError PROVIDER_UNAVAILABLE when the network ran on another engine, nothing is kept then;
 *   ROI_SET_ASIDE when three attempts in a row died at the same place.
 * @param infer - Calls `onTurn` when the network comes to the image.
 */
export function makeInference(
  services: MakeServices,
  parts: KeyParts,
  { engine, remedy, crashes, facts }: InferenceGuard,
  infer: (folder: string, onTurn: OnTurn) => Promise<InferredProduct>,
): Promise<Made> {
  const work: Work = async (folder, save) => {
    const counted = async (begin: OnTurn) => {
      const onTurn = async () => {
        await begin();
        // Should it end this process, the next machine has to know that it was tried.
        await save();
      };
      if (crashes?.atTurn !== true) await onTurn();
      return infer(folder, onTurn);
    };
    const inferred = await (crashes === undefined
      ? infer(folder, async () => undefined)
      : countCrashes({ work: folder, roi: crashes.name, ...crashes }, counted));
    refuseOtherEngine(inferred.ran, engine, remedy);
    return facts === undefined ? inferred : { ...inferred, facts: { ...Object(inferred.facts), ...facts } };
  };
  return make(services, parts, work, { resumable: true });
}
