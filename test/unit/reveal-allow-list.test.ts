import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const src = fileURLToPath(new URL('../../src', import.meta.url));

/** The files in which a secret becomes text, and why each must. Whoever adds one says here where the text goes. */
const allowed: Record<string, string> = {
  'adapters/script-channel.ts': 'the sudo password goes to sudo, on its standard input, when it asks',
  'adapters/ssh-auth.ts': 'passphrases open keys in memory, the password goes to sshd inside the encrypted session',
  'adapters/openssh-askpass.ts': 'the password of a host or the passphrase of a key goes to the system\'s ssh, through a named pipe that only we can open',
  'adapters/vault-http.ts': 'shares and tokens go onto the wire to Vault',
  'credentials/key-file.ts': 'the text of the file that a manager keeps',
  'credentials/shamir.ts': 'shares are combined and split in memory',
  'model/keys.ts': 'compares two sets share by share, whatever their order',
  'inventory/vault-text.ts': 'the password opens a vaulted value in memory',
};

describe('secrets', () => {
  const revealing = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && path !== 'model/secret.ts')
    .filter((path) => /\.reveal\b|\[\s*['"`]reveal['"`]\s*\]|\{[^}]*\breveal\b[^}]*\}\s*=/.test(readFileSync(join(src, path), 'utf8')))
    .toSorted();

  it('become text only in files that have said why', () => {
    assert.deepEqual(revealing.filter((path) => !Object.hasOwn(allowed, path)), []);
  });

  it('are not granted to files that no longer need it', () => {
    assert.deepEqual(Object.keys(allowed).filter((path) => !revealing.includes(path)), []);
  });
});
