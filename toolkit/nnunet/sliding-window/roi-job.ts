import type { AdapterNames } from '../../onnx/provider/adapter.ts';
import type { EngineName, Precision, SumsChoice } from '../../onnx/session/engine-choice.ts';
import type { Provider, SessionOptions } from '../../onnx/session/session.ts';
import type { NetworkCounts } from '../networks/open-networks.ts';
import type { TileRounding } from './tile-grid.ts';
import type { Scope } from './tile-scope.ts';

/** How an ensemble is run. */
export interface EnsembleOptions extends SessionOptions {
  /** `exact` adds in the order of nnU-Net, `fast` in the order that costs least. Default `exact`. */
  readonly engine?: EngineName;
  /** What `fast` multiplies in. Default: float16 on CUDA, else float32. */
  readonly precision?: Precision | 'auto';
  /** Tiles that `fast` gives the networks at once on CUDA; 0, the default, chooses by the memory of the GPU. */
  readonly batchSize?: number;
  /** Where `fast` adds up tiles: in one graph with the networks, or here. Default: in the graph on CUDA. For tests. */
  readonly sums?: 'device' | 'host';
}

/** A converted model and how to run it. */
export interface ModelJob extends EnsembleOptions {
  /** Folder of the converted model: model.json and one ONNX file per fold. */
  readonly modelDir: string;
}

/** One ROI to segment. All paths are those of this machine. */
export interface RoiJob extends ModelJob {
  /** The image. */
  readonly image: string;
  /** Digest of the image file, where it is known already; else it is computed. */
  readonly imageSha256?: string;
  /** Label mask of the same size; needed for scope `annotated`. */
  readonly truth?: string;
  /** Folder for what a killed job leaves for the next; of this ROI alone, removed at the end. */
  readonly partialDir: string;
  /** Where the label mask goes: 8-bit grey PNG. */
  readonly mask: string;
  /** Path of the confidence map: 16-bit grey PNG, 65535 x (best - second best mean softmax). */
  readonly margin: string;
  readonly scope: Scope;
  /** How the tiles are placed; `half-up` serves the discrepancy report only. Default: half-even, as nnU-Net does. */
  readonly rounding?: TileRounding;
}

/** How far a job is. */
export interface RoiProgress {
  readonly phase: 'predict' | 'encode';
  /** Passes of the network done, earlier attempts included: tiles times folds. */
  readonly tile: number;
  /** Passes in all. */
  readonly of: number;
  /** Tile row, from 0. */
  readonly row: number;
  readonly rows: number;
  readonly fold: number;
}

/** Where a job resumes: the first tile row and fold not yet done. */
export interface RoiStep {
  readonly row: number;
  readonly fold: number;
}

/** What the networks run on. */
export interface Engine extends AdapterNames, SumsChoice {
  readonly provider: Provider;
  /** Why a provider that `auto` prefers was not taken, one sentence each. */
  readonly fallbacks: readonly string[];
  readonly ortVersion: string;
  /** Kind of processor, see `instructionSet`. */
  readonly instructionSet: string;
}

/** What a job did. */
export interface SegmentResult extends Engine {
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
  /** Tiles of the grid that the networks saw. */
  readonly tiles: number;
  /** Tiles of the whole grid. */
  readonly tilesTotal: number;
  /** Where an earlier attempt had stopped, if one had. */
  readonly resumedFrom?: RoiStep;
  /** What the image file held and the networks did not see (alpha, palette, ...). */
  readonly notes: readonly string[];
  /** What the networks did since they were made, for this ROI and those before it. */
  readonly counts?: NetworkCounts;
  /** Largest resident memory of the process since its start, bytes. */
  readonly peakRssBytes: number;
  /** Wall time of this attempt, s. */
  readonly seconds: number;
}
