import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { ReigniteError } from '../../errors.ts';
import { isFile } from '../../files/file-access.ts';
import { shellWord } from '../../format.ts';
import { type DescribedModel, describeModel, finalOperator } from '../file/describe-model.ts';
import { bioimageSidecar } from './bioimage.ts';
import { sidecarPath } from './sidecar.ts';
import { isWsinfer, wsinferSidecar } from './wsinfer.ts';

/** Maximum size of a description, bytes; real ones have a few kB. */
const MAX_BYTES = 4 * 2 ** 20;
const BIOIMAGE_FILES = ['bioimageio.yaml', 'rdf.yaml'];
const WSINFER_FILE = 'config.json';

/** The description of an ONNX model: its model JSON or a file of a model zoo. */
export interface FoundSidecar {
  readonly path: string;
  /** Content as of a model JSON, not validated yet; or the description of a model that reignite converted. */
  readonly json: unknown;
}

/**
 * Finds the description of an ONNX model: the model JSON next to it, else a bioimage.io description of this file, else
 * one of the WSInfer zoo.
 *
 * @throws ReigniteError SIDECAR_INVALID if it is not JSON or YAML, or describes something unsupported;
 *   MODEL_UNREADABLE.
 */
export async function findSidecar(onnx: string): Promise<FoundSidecar | undefined> {
  return (await ownSidecar(onnx)) ?? zooSidecar(onnx);
}

/**
 * Reads the model JSON next to an ONNX model.
 *
 * @throws ReigniteError SIDECAR_INVALID if it is not JSON.
 */
export async function ownSidecar(onnx: string): Promise<FoundSidecar | undefined> {
  const path = sidecarPath(onnx);
  return (await isFile(path)) ? { path, json: await readText(path, 'JSON', JSON.parse) } : undefined;
}

async function zooSidecar(onnx: string): Promise<FoundSidecar | undefined> {
  const folder = dirname(onnx);
  const described = () => {
    const model = describeModel(onnx);
    return { model, final: operatorOf(onnx, model) };
  };
  for (const name of BIOIMAGE_FILES) {
    const path = join(folder, name);
    if (!(await isFile(path))) continue;
    const { model, final } = described();
    const json = bioimageSidecar(
      path,
      await readText(path, 'YAML', (text) => parse(text, { logLevel: 'error' })),
      onnx,
      model,
      final,
    );
    if (json !== undefined) return { path, json };
  }
  const path = join(folder, WSINFER_FILE);
  if (!(await isFile(path))) return undefined;
  const json: unknown = await readText(path, 'JSON', JSON.parse);
  if (!isWsinfer(json)) return undefined;
  const { model, final } = described();
  return { path, json: wsinferSidecar(path, json, model, final) };
}

/**
 * Finds the description of an ONNX model, which must exist.
 *
 * @throws ReigniteError SIDECAR_INVALID if there is none, and as `findSidecar`.
 */
export async function requireSidecar(onnx: string): Promise<FoundSidecar> {
  const found = await findSidecar(onnx);
  if (found !== undefined) return found;
  throw new ReigniteError('SIDECAR_INVALID', `The model ${onnx} has no JSON file ${sidecarPath(onnx)}.`, {
    remedy: `Write its draft with \`npx reignite model describe ${shellWord(onnx)}\`, then check it; docs/custom-models.md explains the fields.`,
  });
}

/** Returns the final operator of the first output. */
function operatorOf(onnx: string, { outputs }: DescribedModel): string | undefined {
  const [output] = outputs;
  return output === undefined ? undefined : finalOperator(onnx, output.name);
}

async function readText(path: string, language: string, parseText: (text: string) => unknown): Promise<unknown> {
  const { size } = await stat(path);
  if (size > MAX_BYTES) throw new ReigniteError('SIDECAR_INVALID', `${path} is too large: ${size} bytes.`);
  const text = await readFile(path, 'utf8');
  try {
    return parseText(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const line = reason.split('\n')[0] ?? '';
    throw new ReigniteError('SIDECAR_INVALID', `The file ${path} is not ${language}: ${line}.`, { cause: error });
  }
}
