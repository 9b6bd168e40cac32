import type { AdapterNames, EngineName, Precision, Provider, SumsChoice } from '../../onnx/session/engine-choice.ts';
import type { SessionOptions } from '../../onnx/session/session.ts';
import type { NetworkCounts } from '../networks/open-networks.ts';
import type { Scope, TileRounding } from './tile-grid.ts';

/** How an ensemble is run. */
export interface EnsembleOptions extends SessionOptions {
  /** `exact` adds in the same order as nnU-Net, `fast` in the fastest order. Default `exact`. */
  readonly engine?: EngineName;
  /** Precision in which `fast` multiplies. Default: float16 on CUDA, else float32. */
  readonly precision?: Precision | 'auto';
  /** Tiles per pass of `fast` on CUDA; 0, the default, chooses by the memory of the GPU. */
  readonly batchSize?: number;
  /** Where `fast` adds up tiles: `device`, in one graph with the networks, or `host`. Default: `device` on CUDA. For tests. */
  readonly sums?: 'device' | 'host';
}

/** A converted model and how to run it. */
export interface ModelJob extends EnsembleOptions {
  /** Folder of the converted model: model.json and one ONNX file per fold. */
  readonly modelDir: string;
}

/** One ROI to segment. All paths are local. */
export interface RoiJob extends ModelJob {
  /** The image. */
  readonly image: string;
  /** SHA-256 of the image file if it is already known; otherwise it is computed. */
  readonly imageSha256?: string;
  /** Image that is probably segmented next: on a GPU, it is decoded while this one is segmented. */
  readonly following?: string;
  /** Label mask of the same size; needed for scope `annotated`. */
  readonly truth?: string;
  /** Folder for the partial result of this ROI, from which the next job resumes after a kill; removed at the end. */
  readonly partialDir: string;
  /** Path of the label mask: 8-bit grey PNG. */
  readonly mask: string;
  /** Path of the confidence map: 16-bit grey PNG, 65535 x (best - second best mean softmax). */
  readonly confidence: string;
  readonly scope: Scope;
  /** How tile positions are rounded; `half-up` is only for the discrepancy report. Default: half-even, like nnU-Net. */
  readonly rounding?: TileRounding;
}

/** Progress of a job. */
export interface RoiProgress {
  readonly phase: 'predict' | 'encode';
  /** Passes of the networks that are done (tiles times folds), including earlier attempts. */
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
  /** Why a provider that `auto` prefers was not used, one sentence each. */
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
  /** Where an earlier attempt stopped, if there was one. */
  readonly resumedFrom?: RoiStep;
  /** Content of the image file that the networks did not see (alpha, palette, ...). */
  readonly notes: readonly string[];
  /** Counters of the networks since they were opened, including earlier ROIs. */
  readonly counts?: NetworkCounts;
  /** Largest resident memory of the process since its start, bytes. */
  readonly peakRssBytes: number;
  /** Wall time of this attempt, s. */
  readonly seconds: number;
}
