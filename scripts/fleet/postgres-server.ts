import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../runtime/server/connection.ts';
import type { Proof } from '../proof.ts';
import { composeService, type Here } from './compose-service.ts';

const PASSWORD = 'not-to-be-guessed';

/**
 * Starts Debian's PostgreSQL with the user, certificate and rules of docker-compose.yml: only with TLS and password.
 *
 * @param host - Address that it listens on.
 */
export async function startPostgres(
  proof: Proof,
  host: string,
): Promise<Pick<Here, 'postgres' | 'password' | 'certificates'>> {
  const port = await freePort(0);
  const folder = join(proof.folder, 'postgresql');
  const certificates = join(proof.folder, 'certificates');
  for (const each of [folder, certificates]) mkdirSync(each);
  chmodSync(proof.folder, 0o711);
  const here = { postgres: { host, port }, password: PASSWORD, certificates };
  const unused = { frontend: '', schema: '' };
  makeCertificate({ ...here, ...unused });
  const passwordFile = join(certificates, 'password');
  writeFileSync(passwordFile, PASSWORD);
  const { command } = composeService('postgresql', { ...here, ...unused });
  const own = [`-p ${port}`, `-c listen_addresses=${host}`, `-c unix_socket_directories=${folder}`];
  const options = [...command.slice(1), ...own].join(' ');
  if (process.getuid?.() === 0) execFileSync('chown', ['-R', 'postgres', folder, certificates]);
  asPostgres('initdb', [
    '-D',
    folder,
    '-U',
    'temporal',
    '--pwfile',
    passwordFile,
    '--auth',
    'scram-sha-256',
    '--encoding',
    'UTF8',
  ]);
  rmSync(passwordFile);
  asPostgres('pg_ctl', ['-D', folder, '-l', join(folder, 'log'), '-o', options, '-w', 'start']);
  proof.atEnd(() => asPostgres('pg_ctl', ['-D', folder, '-m', 'fast', 'stop']));
  console.log(`PostgreSQL listens on ${host}:${port}.`);
  return here;
}

/** Makes the certificate with the commands of the compose service for it. */
function makeCertificate(here: Here): void {
  const { command } = composeService('certificate', here);
  execFileSync('/bin/sh', ['-euc', command.join('\n')], { stdio: 'ignore' });
}

/** PostgreSQL refuses to run as root. */
function asPostgres(tool: string, words: readonly string[]): void {
  const [newest] = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a));
  const path = join('/usr/lib/postgresql', newest ?? '', 'bin', tool);
  const isRoot = process.getuid?.() === 0;
  const [file, args] = isRoot ? ['runuser', ['-u', 'postgres', '--', path, ...words]] : [path, [...words]];
  execFileSync(file, args, { stdio: ['ignore', 'ignore', 'inherit'], cwd: '/' });
}
