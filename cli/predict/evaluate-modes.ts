import { CELL_TASKS, type Task, TISSUE_TASKS } from '../../config/tasks.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { listed } from '../../toolkit/format.ts';

/** What predictions are scored against: a record, annotated masks or annotated boxes. */
export type EvaluateMode = 'data' | 'masks' | 'boxes';

/** The modes in which each option applies. The other options apply in all modes. */
const MODES_OF = {
  data: ['data'],
  masks: ['masks'],
  boxes: ['boxes'],
  labels: ['data', 'masks'],
  classes: ['data'],
  categories: ['data'],
  ignore: ['masks'],
  maxBoxes: ['boxes'],
} as const satisfies Readonly<Record<string, readonly EvaluateMode[]>>;

/** The tasks that a mode can score, and what the others do not have. */
const TASKS_OF = {
  masks: { tasks: TISSUE_TASKS, without: 'masks', remedy: 'For annotated boxes, use `--boxes FILE`.' },
  boxes: { tasks: CELL_TASKS, without: 'boxes', remedy: 'For annotated masks, use `--masks DIR`.' },
} as const;

type ModeOption = keyof typeof MODES_OF;
type ModeOptions = { readonly [Name in ModeOption]?: unknown } & { readonly task: Task };

/**
 * Finds the mode of `evaluate` and refuses options that do not apply in it.
 *
 * @throws ReigniteError USAGE that names the option and the mode; USAGE for a task that the mode cannot score.
 * @example modeOf({ task: 'he', masks: 'annotated' }) // 'masks'
 */
export function modeOf(options: ModeOptions): EvaluateMode {
  const mode = (['masks', 'boxes', 'data'] as const).find((each) => options[each] !== undefined);
  if (mode === undefined) {
    throw new ReigniteError(
      'USAGE',
      'evaluate needs --data, --masks for annotated masks, or --boxes for annotated boxes.',
    );
  }
  for (const [name, modes] of Object.entries(MODES_OF)) {
    if (givenIn(options, name) && !modes.some((each) => each === mode)) throw misplaced(name, modes, mode);
  }
  if (mode === 'data') return mode;
  const { tasks, without, remedy } = TASKS_OF[mode];
  if (tasks.some((task) => task === options.task)) return mode;
  throw new ReigniteError('USAGE', `--${mode} is for ${listed(tasks)} only; ${options.task} has no ${without}.`, {
    remedy,
  });
}

function givenIn(options: ModeOptions, name: string): boolean {
  return Reflect.get(options, name) !== undefined;
}

function misplaced(name: string, modes: readonly EvaluateMode[], mode: EvaluateMode): ReigniteError {
  const option = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  if (modes.some((each) => each === name)) {
    return new ReigniteError('USAGE', `${option} and --${mode} exclude each other.`);
  }
  const fitting = modes.map((each) => `--${each}`).join(' or ');
  return new ReigniteError('USAGE', `${option} is for ${fitting}; it does not apply with --${mode}.`);
}
