import type { DescribedDetector } from '../models/describe-detector.ts';
import type { DetectionSettings } from '../tasks/definition.ts';
import { type DetectionPlan, planDetection } from './detection-plan.ts';
import type { PredictionChoices } from './prediction.ts';
import type { PredictionSettings, UsedModel } from './prediction-summary.ts';

/** A prepared model, with what decides whether two predictions may share a folder. */
export interface ClaimedModel extends UsedModel {
  /** Detectors only. */
  readonly inEffect?: SettingsInEffect;
}

/** The settings with which a detector runs, whether the user gave them or not. */
export interface SettingsInEffect {
  readonly settings: PredictionSettings;
  /** The value of each setting without its option. Folders of earlier versions store only what was given. */
  readonly usual: PredictionSettings;
  /** The digest that earlier versions stored for this model and these settings, if it is another one. */
  readonly earlierDigest?: string;
}

/** What decides how a detector runs. */
export interface RunDetector {
  readonly detector: DescribedDetector;
  readonly choices: PredictionChoices;
  readonly task: { readonly settings: DetectionSettings; readonly classes: readonly string[] };
  /** Whether its network outputs one box per object, so that no IoU threshold applies. */
  readonly isSuppressed: boolean;
}

/** The options whose values in effect are stored. */
const OPTIONS = ['confidence', 'iou', 'overlap'] as const;
/** A square image, for which every plan gives a square input unless the model's own is not square. */
export const USUAL_IMAGE = { width: 1, height: 1 };

/** Returns the confidence, the IoU threshold and the overlap of tiles in effect. Those that do not apply are missing. */
export function settingsInEffect(run: RunDetector): Omit<SettingsInEffect, 'earlierDigest'> {
  const usual = OPTIONS.map((option) => {
    const { [option]: _, ...choices } = run.choices;
    return [option, valuesOf({ ...run, choices })[option]] as const;
  });
  return { settings: definedIn(Object.entries(valuesOf(run))), usual: definedIn(usual) };
}

/** Returns the settings that the user chose, with the values in effect for those that have one. */
export function withValuesInEffect(
  chosen: PredictionSettings,
  inEffect: SettingsInEffect | undefined,
): PredictionSettings {
  if (inEffect === undefined) return chosen;
  const others = Object.entries(chosen).filter(([name]) => !OPTIONS.some((option) => option === name));
  return { ...Object.fromEntries(others), ...inEffect.settings };
}

function valuesOf({ detector, choices, task, isSuppressed }: RunDetector) {
  const { confidence, iou, view } = planDetection(detector, choices, task).of(USUAL_IMAGE);
  const hasNoIou = detector.hasTwoHeads === true ? choices.iou === undefined : isSuppressed;
  const overlap = view?.kind === 'letterbox' ? undefined : (view?.overlap ?? 0);
  return { confidence, iou: hasNoIou ? undefined : iou, overlap };
}

function definedIn(values: readonly (readonly [string, number | undefined])[]): PredictionSettings {
  return Object.fromEntries(values.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** Returns the size of the network's input in px, square unless the model's own is not. */
export function usualSize(plan: DetectionPlan): { readonly height: number; readonly width: number } {
  return plan.of(USUAL_IMAGE).size;
}
