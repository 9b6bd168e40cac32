/**
 * The command line as a function.
 *
 * @module
 */
export { main } from './cli/main.ts';
