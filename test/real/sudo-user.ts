import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

export interface SudoUser {
  readonly name: string;
  readonly password: string;
  remove(): void;
}

/** A user of this machine who may become root, with a password or without. Needs root; remove it again. */
export function makeSudoUser(how: 'password' | 'nopasswd' | 'none'): SudoUser {
  const name = `vctl-${randomBytes(4).toString('hex')}`;
  const password = randomBytes(12).toString('hex');
  const sudoers = `/etc/sudoers.d/${name}`;
  execFileSync('useradd', ['--no-create-home', '--home-dir', '/tmp', '--shell', '/bin/sh', name]);
  execFileSync('chpasswd', [], { input: `${name}:${password}\n` });
  if (how !== 'none') writeFileSync(sudoers, `${name} ALL=(root) ${how === 'nopasswd' ? 'NOPASSWD: ' : ''}ALL\n`, { mode: 0o440 });
  return {
    name, password,
    remove: () => {
      rmSync(sudoers, { force: true });
      execFileSync('userdel', ['--force', name], { stdio: 'ignore' });
    },
  };
}

const DOAS_CONF = '/etc/doas.conf';

/** Lets a user become root by doas without a password; returns what takes it back. */
export function allowDoas(name: string): () => void {
  const line = `permit nopass ${name} as root\n`;
  const now = () => (existsSync(DOAS_CONF) ? readFileSync(DOAS_CONF, 'utf8') : '');
  writeFileSync(DOAS_CONF, now() + line, { mode: 0o600 });
  return () => {
    const left = now().replace(line, '');
    if (left === '') rmSync(DOAS_CONF, { force: true });
    else writeFileSync(DOAS_CONF, left);
  };
}
