import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NOT_NEEDED = /^(tests|bench|docs|data)\//;

/** Copies the sources of the command, so that a test can change them. @returns The copy's folder. */
export async function copyCheckout(target: string): Promise<string> {
  const listed = execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).split('\n');
  for (const file of listed.filter((each) => each !== '' && !NOT_NEEDED.test(each))) {
    await mkdir(dirname(join(target, file)), { recursive: true });
    await copyFile(join(ROOT, file), join(target, file));
  }
  await symlink(join(ROOT, 'node_modules'), join(target, 'node_modules'));
  // Declarations would name types by the link's target, which the compiler rejects.
  const settings = join(target, 'tsconfig.build.json');
  await writeFile(settings, (await readFile(settings, 'utf8')).replace('"declaration": true', '"declaration": false'));
  return target;
}
