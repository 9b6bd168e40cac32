import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { TASKS } from '../config/tasks.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import type { ConfigOptions } from './commands/config.ts';
import type { EvaluateOptions } from './commands/evaluate.ts';
import type { ConvertOptions } from './commands/model.ts';
import type { RunOptions } from './commands/run.ts';
import { EXIT, printError, printStep } from './output.ts';

interface Manifest {
  readonly version: string;
  readonly description: string;
}

type Stop = 'SIGINT' | 'SIGTERM';

/**
 * The command line. A command's module is loaded when it is called: help and errors of usage come at once.
 *
 * @param words - What follows the command's name.
 * @returns The exit status.
 */
export async function main(words: readonly string[]): Promise<number> {
  const stop = new AbortController();
  // Everything long that a command does listens to it.
  setMaxListeners(0, stop.signal);
  const interrupted = listenForStop(stop);
  const outcome = { status: EXIT.done as number };
  const program = createProgram(stop.signal, (status) => {
    outcome.status = status;
  });
  try {
    await program.parseAsync([...words], { from: 'user' });
    return outcome.status;
  } catch (error) {
    const by = interrupted();
    if (by !== undefined) {
      printStep('Stopped. The run stays open: the same command goes on where it was.');
      return by === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
    }
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    return printError(error, { json: words.includes('--json'), debug: words.includes('--debug') });
  }
}

/** The first signal ends the command in order, a second one at once. */
function listenForStop(stop: AbortController): () => Stop | undefined {
  let by: Stop | undefined;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (by !== undefined) process.exit(name === 'SIGINT' ? EXIT.interrupted : EXIT.terminated);
      by = name;
      stop.abort(new ReigniteError('CANCELLED', `The command got ${name}.`));
    });
  }
  return () => by;
}

function createProgram(signal: AbortSignal, exitWith: (status: number) => void): Command {
  const { version, description } = readManifest();
  const program = new Command('reignite').description(description).version(version);
  program.showHelpAfterError().exitOverride();

  runOptions(program.command('run').description('start a run, or attach to the one going with the same configuration'))
    .option('--no-workers', 'start no worker: others serve the task queues')
    .action(async (options: RunOptions) => {
      const { runCommand } = await import('./commands/run.ts');
      exitWith(await runCommand(options, signal));
    });

  command(program, 'evaluate', "anybody's predictions under the paper's protocol; needs no Temporal and no model")
    .addOption(new Option('--task <task>', 'what the predictions are of').choices(TASKS).makeOptionMandatory())
    .requiredOption('--data <dir>', 'the record: overview and annotations; images for the figures of single ROIs')
    .requiredOption('--predictions <dir>', 'the folder that directly holds the masks (.png) or points (.npy)')
    .requiredOption('--out <dir>', 'where metrics/ and figures/ go')
    .action(async (options: EvaluateOptions) => {
      const { evaluateCommand } = await import('./commands/evaluate.ts');
      exitWith(await evaluateCommand(options));
    });

  command(program, 'config', 'the effective configuration')
    .option('--profile <name|file>', 'sample, paper, or a YAML file', 'sample')
    .option('--set <a.b=value>', 'set a field; may be given again', append, [])
    .option('--schema', 'print the JSON Schema of every field instead')
    .action(async (options: ConfigOptions) => {
      const { configCommand } = await import('./commands/config.ts');
      exitWith(await configCommand(options));
    });

  command(program, 'ui [run]', "a run's page in the Temporal UI on the kept history, until Ctrl-C").action(
    async (run: string | undefined) => {
      const { uiCommand } = await import('./commands/ui.ts');
      exitWith(await uiCommand(run, signal));
    },
  );
  modelCommands(program, exitWith);
  command(program, 'doctor', 'what this machine has and lacks, with remedies').action(
    async (options: { json?: boolean }) => {
      const { doctorCommand } = await import('./commands/doctor.ts');
      exitWith(await doctorCommand(options));
    },
  );
  return program;
}

function modelCommands(program: Command, exitWith: (status: number) => void): void {
  const model = program.command('model').description('look into a PyTorch checkpoint safely, or write it as ONNX');
  command(model, 'inspect <file>', 'what a checkpoint holds, and every name in it; nothing is executed').action(
    async (file: string, options: { json?: boolean }) => {
      const { inspectCommand } = await import('./commands/model.ts');
      exitWith(await inspectCommand(file, options));
    },
  );
  command(model, 'convert <file>', 'an nnU-Net v1 fold (fold_K/model_best.model) or a YOLOv5 .pt as ONNX')
    .option('--out <file.onnx>', 'where it goes (default: beside the checkpoint)')
    .option('--size <px>', "side of a detector's tile (default: 512)", Number)
    .action(async (file: string, options: ConvertOptions) => {
      const { convertCommand } = await import('./commands/model.ts');
      exitWith(await convertCommand(file, options));
    });
}

function command(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--json', 'print one JSON document on stdout')
    .option('--debug', 'print stack traces');
}

function runOptions(run: Command): Command {
  return run
    .option('--profile <name|file>', 'sample, paper, or a YAML file', 'sample')
    .option('--set <a.b=value>', 'set a field; may be given again', append, [])
    .option('--data <dir>', 'where the record lies or will lie (default: data/<record>)')
    .option('--results <dir>', 'where results go (default: results/<profile>)')
    .option('--tasks <list>', 'which tasks, separated by commas', (text: string) => text.split(','))
    .option('--json', 'print summary.json on stdout')
    .option('--debug', 'print stack traces');
}

function append(value: string, before: string[]): string[] {
  return [...before, value];
}

function readManifest(): Manifest {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version, description }: Manifest = JSON.parse(text);
  return { version, description };
}
