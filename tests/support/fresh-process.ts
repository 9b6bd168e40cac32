import { afterAll, vi } from 'vitest';

// Runs before each test file of a process that runs many. Libraries stay loaded; the modules of this package are loaded
// again, and environment and current folder are restored, so that no file finds what another one left.
vi.resetModules();

const folder = process.cwd();
const environment = { ...process.env };
// Threads and processes get the variables of this object, never those of one that replaces it.
const processEnvironment = process.env;

afterAll(() => {
  vi.useRealTimers();
  process.chdir(folder);
  process.env = processEnvironment;
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
});
