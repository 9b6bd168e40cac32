import { ReigniteError } from '../errors.ts';
import { asItems, asString, dictGet, dictHas, locate } from '../pytorch/pickle/access.ts';
import { isPickleObject, nameOfCallable, type PickleValue } from '../pytorch/pickle/value.ts';
import { findNetwork, nameOfClass } from './convert/detector-network.ts';
import { withoutPackages } from './convert/module-tree.ts';

/** Number of class names that are shown. */
const FEW = 5;
const PACKAGES = [
  [/^models\.yolo\./, 'YOLOv5'],
  [/^ultralytics\./, 'Ultralytics'],
] as const;

/**
 * Describes a checkpoint of YOLOv5 or Ultralytics: the class of its network and its object classes.
 *
 * @returns Undefined for any other checkpoint.
 */
export function detectorFamily(root: PickleValue, file: string): string | undefined {
  try {
    const start = locate(root, file, 'CHECKPOINT_UNSUPPORTED');
    const { value } = findNetwork(start).network;
    if (!isPickleObject(value) || value.kind !== 'reduced') return undefined;
    const className = withoutPackages(nameOfCallable(value));
    const family = PACKAGES.find(([pattern]) => pattern.test(className))?.[1];
    if (family === undefined) return undefined;
    const isDict = isPickleObject(root) && root.kind === 'dict';
    const release = isDict && dictHas(start, 'version') ? ` ${asString(dictGet(start, 'version'))}` : '';
    const names = namesOf(value.state);
    const shown =
      names.length === 0
        ? ''
        : `, ${names.length === 1 ? '1 class' : `${names.length} classes`}: ${names.slice(0, FEW).join(', ')}`;
    return `a ${className.split('.').at(-1)} of ${family}${release}${shown}${names.length > FEW ? ' ...' : ''}`;
  } catch (error) {
    if (!(error instanceof ReigniteError)) throw error;
    return undefined;
  }

  function namesOf(state: PickleValue | undefined): readonly string[] {
    if (!isPickleObject(state) || state.kind !== 'dict') return [];
    const names = dictGet(locate(state, file, 'CHECKPOINT_UNSUPPORTED'), 'names');
    if (isPickleObject(names.value) && names.value.kind === 'dict') {
      return [...names.value.entries.values()].filter((name) => typeof name === 'string');
    }
    return names.value === undefined || names.value === null ? [] : asItems(names).map(nameOfClass);
  }
}
