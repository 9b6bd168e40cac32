import type { TaskSettings } from '../../../config/task-config.ts';
import type { CellTaskDefinition, DetectionSettings } from '../definition.ts';

/** The settings of a task that concern detection. */
export type ChosenSettings = Pick<TaskSettings, 'tile' | 'confidence' | 'iou'>;

/** Returns the settings of a detector: those of the authors' code, unless the user set others. */
export function settingsInEffect(
  { settings }: Pick<CellTaskDefinition, 'settings'>,
  { tile, confidence, iou }: ChosenSettings,
): DetectionSettings {
  return {
    tile: tile ?? settings.tile,
    confidence: confidence ?? settings.confidence,
    iou: iou ?? settings.iou,
  };
}

/**
 * Describes what differs from the authors' settings, such as "confidence 0.4 (the paper's 0.5)"; undefined if nothing
 * does.
 */
export function changedSettings(
  definition: Pick<CellTaskDefinition, 'settings'>,
  chosen: ChosenSettings,
): string | undefined {
  const { tile, confidence, iou } = settingsInEffect(definition, chosen);
  const { settings: theirs } = definition;
  const changes = [
    ...(confidence === theirs.confidence ? [] : [`confidence ${confidence} (the paper's ${theirs.confidence})`]),
    ...(iou === theirs.iou ? [] : [`IoU threshold ${iou} (the paper's ${theirs.iou})`]),
    ...(tile === theirs.tile ? [] : [`tiles of ${tile} px (the paper's ${theirs.tile})`]),
  ];
  return changes.length === 0 ? undefined : changes.join(', ');
}
