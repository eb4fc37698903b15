import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';

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
