import type { Break } from '../break.ts';

const WIRE = 'test/real/vault-wire.test.ts';

/** Who is at the other end, and what is known of a request that got no answer. */
export const wire: readonly Break[] = [
  {
    name: 'tls-unchecked', danger: 'whoever stands in between gets every share',
    file: 'src/adapters/vault-http.ts', from: 'rejectUnauthorized: true', to: 'rejectUnauthorized: false', tests: [WIRE],
  },
  {
    name: 'redirect-taken-for-an-answer', danger: 'a load balancer or a captive page decides what is believed of a node',
    file: 'src/adapters/vault-http.ts', from: 'if (status >= 300 && status < 400) throw', to: 'if (status >= 300 && status < 300) throw', tests: [WIRE],
  },
  {
    name: 'warm-connection-never-sent', danger: 'an init whose reply was lost counts as one that cannot have happened',
    file: 'src/adapters/vault-http.ts', from: 'if (!socket.connecting && socket.secureConnecting !== true) connected();', to: 'if (!socket.connecting && socket.secureConnecting !== true) clearTimeout(connecting);', tests: [WIRE],
  },
  {
    name: 'cut-snapshot-taken-for-whole', danger: 'half a snapshot is kept, and found out on the day it is needed',
    file: 'src/adapters/vault-http.ts', from: 'throw wireFailure(address, error, true);', to: 'return;', tests: [WIRE],
  },
  {
    name: 'init-with-a-timeout', danger: 'our own impatience leaves it open whether Vault has keys that nobody holds',
    file: 'src/vault/hands.ts', from: 'secret_threshold: threshold }, patient: true }', to: 'secret_threshold: threshold } }', tests: ['test/unit/patience.test.ts'],
  },
  {
    name: 'verify-with-a-timeout', danger: 'our own impatience leaves the commit of a rekey open',
    file: 'src/vault/hands.ts', from: "end: 'verify', body: { key: share, nonce }, patient: true }", to: "end: 'verify', body: { key: share, nonce } }", tests: ['test/unit/patience.test.ts'],
  },
  {
    name: 'unknown-host-key-accepted', danger: 'whoever answers at the address of a manager is given the keys',
    file: 'src/adapters/known-hosts.ts', from: "if (strict === 'accept-new') return this.#remember(key);\n    throw this.#unknown(key);", to: "if (strict === 'accept-new') return this.#remember(key);\n    return undefined;", tests: ['test/unit/known-hosts.test.ts'],
  },
  {
    name: 'refused-host-key-logged-in-anyway', danger: 'whoever answers at the address of a manager is given the keys',
    file: 'src/adapters/ssh-connect.ts', from: 'return false;', to: 'return true;', tests: ['test/real/ssh-login.test.ts'],
  },
  {
    name: 'changed-host-key-accepted', danger: 'whoever took over the address of a manager is given the keys',
    file: 'src/adapters/known-hosts.ts', from: 'throw this.#changed(key, known);', to: 'return undefined;', tests: ['test/unit/known-hosts.test.ts'],
  },
  {
    name: 'revoked-host-key-accepted', danger: 'a key that was stolen from a host, and revoked, opens the door again',
    file: 'src/adapters/known-hosts.ts', from: 'if (revoked !== undefined) {', to: 'if (revoked?.marker === undefined && known.length < 0) {', tests: ['test/unit/known-hosts.test.ts'],
  },
  {
    name: 'host-keys-not-strict-by-default', danger: 'nobody asked for it, and no host is checked',
    file: 'src/adapters/ssh-settings.ts', from: "strict: ssh.strictHostKeyChecking ?? 'yes',", to: "strict: ssh.strictHostKeyChecking ?? 'no',", tests: ['test/unit/ssh-settings.test.ts', 'test/real/ssh-login.test.ts'],
  },
  {
    name: 'openssh-asked-to-be-lax', danger: 'through the system\'s ssh whoever answers at the address of a manager is given the keys',
    file: 'src/adapters/openssh-arguments.ts', from: 'StrictHostKeyChecking: strict,', to: "StrictHostKeyChecking: 'no',", tests: ['test/unit/auto-transport.test.ts'],
  },
  {
    name: 'password-for-whoever-asks', danger: 'the password of a manager goes to a hop in front of it, or to a server\'s own question',
    file: 'src/adapters/openssh-answers.ts', from: 'if (this.#isOurPassword(text)) return', to: 'if (/password/i.test(text)) return', tests: ['test/unit/openssh-answers.test.ts'],
  },
  {
    name: 'answer-for-another-question', danger: 'a passphrase that nobody fetched is handed to the next question, perhaps a server\'s',
    file: 'src/adapters/openssh-askpass.ts', from: 'case $a in "$$:yes:"*)', to: 'case $a in *":yes:"*)', tests: ['test/unit/openssh-askpass.test.ts'],
  },
  {
    name: 'connection-left-behind', danger: 'a vaultctl that was killed leaves an open login, whose socket lies there for whoever can read it',
    file: 'src/adapters/openssh-connection.ts', from: '{ IFS= read -r x; kill "$p"; }', to: '{ IFS= read -r x; }', tests: ['test/real/ssh-transport.test.ts'],
  },
  {
    name: 'su-not-waited-for', danger: 'su takes the first line of a script, or of a checkpoint, for a password',
    file: 'src/adapters/become.ts', from: "return method === 'su' || password !== undefined; }", to: 'return password !== undefined; }', tests: ['test/contract/hosts-doas-su.test.ts'],
  },
];
