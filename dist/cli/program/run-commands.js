import { append, command, configured, configuredCommand } from './command.js';
const STEERING = [
    ['pause', 'stop the steps of a run; rows and bytes stay on disk'],
    ['resume', 'let a paused run go on'],
    ['cancel', 'end a run; the same `run` goes on from what is there'],
];
/** Commands that start, follow and steer runs. */
export function runCommands(program, { signal, exitWith }) {
    configuredCommand(program, 'run', 'start a run, or attach to the one going with the same configuration')
        .option('--fresh', 'take nothing from the cache of earlier runs')
        .option('--detach', 'hand the run to a process in the background, and return once it has begun')
        .option('--no-workers', 'start no worker: others serve the task queues')
        .action(async (options) => {
        const { runCommand } = await import('../commands/run.js');
        exitWith(await runCommand(options, signal));
    });
    configuredCommand(program, 'plan', 'what a run would fetch and compute, and how long; starts nothing')
        .option('--fresh', 'as if nothing were in the cache')
        .action(async (options) => {
        const { planCommand } = await import('../commands/plan.js');
        exitWith(await planCommand(options, signal));
    });
    configuredCommand(program, 'download', "fetch, verify and unpack the record's files, and nothing else")
        .option('--only <glob>', 'only what lies there in the data folder; may be given again', append, [])
        .action(async (options) => {
        const { downloadCommand } = await import('../commands/download.js');
        exitWith(await downloadCommand(options, signal));
    });
    command(program, 'list', 'the runs of this home and their verdicts').action(async (options) => {
        const { listCommand } = await import('../commands/list.js');
        exitWith(await listCommand(options, signal));
    });
    command(program, 'status [run]', 'how far a run is; default: the newest').action(async (run, options) => {
        const { statusCommand } = await import('../commands/status.js');
        exitWith(await statusCommand(run, options, signal));
    });
    command(program, 'why [words...]', 'why a run, or an ROI or step of it ([RUN] [ROI|STEP]), went as it did').action(async (words, options) => {
        const { whyCommand } = await import('../commands/why.js');
        exitWith(await whyCommand(words, options, signal));
    });
    command(program, 'watch [run]', 'follow a run to its end').action(async (run, options) => {
        const { watchCommand } = await import('../commands/watch.js');
        exitWith(await watchCommand(run, options, signal));
    });
    for (const [how, description] of STEERING) {
        command(program, `${how} [run]`, description).action(async (run, options) => {
            const { steerCommand } = await import('../commands/steer.js');
            exitWith(await steerCommand(how, run, options, signal));
        });
    }
    command(program, 'retry [run]', 'run again what failed, and only that').action(async (run, options) => {
        const { retryCommand } = await import('../commands/retry.js');
        exitWith(await retryCommand(run, options, signal));
    });
    command(program, 'server', "the home's Temporal server alone, until Ctrl-C").action(async () => {
        const { serverCommand } = await import('../commands/server.js');
        exitWith(await serverCommand(signal));
    });
    configured(command(program, 'worker', 'serve task queues until Ctrl-C, for more than one machine'))
        .option('--queues <list>', 'orchestration, download, inference, render, separated by commas (default: all)', (text) => text.split(','))
        .action(async (options) => {
        const { workerCommand } = await import('../commands/worker.js');
        exitWith(await workerCommand(options, signal));
    });
    command(program, 'ui [run]', "a run's page in the Temporal UI on the kept history, until Ctrl-C").action(async (run) => {
        const { uiCommand } = await import('../commands/ui.js');
        exitWith(await uiCommand(run, signal));
    });
}
