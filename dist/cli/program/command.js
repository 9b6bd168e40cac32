/** A command with the options that all have. */
export function command(program, name, description) {
    return program
        .command(name)
        .description(description)
        .option('--json', 'print one JSON document on stdout')
        .option('--debug', 'print stack traces');
}
/** A command that takes a run's configuration: `run`, `plan`, `download`. */
export function configuredCommand(program, name, description) {
    return configured(command(program, name, description))
        .option('--data <dir>', 'where the record lies or will lie (default: data/<record>)')
        .option('--results <dir>', 'where results go (default: results/<profile>)')
        .option('--tasks <list>', 'which tasks, separated by commas', (text) => text.split(','));
}
/** Adds the options from which a configuration is read. */
export function configured(program) {
    return program
        .option('--profile <name|file>', 'sample, paper, or a YAML file', 'sample')
        .option('--set <a.b=value>', 'set a field; may be given again', append, []);
}
/** For options that may be given several times. */
export function append(value, before) {
    return [...before, value];
}
