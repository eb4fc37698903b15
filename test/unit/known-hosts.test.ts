import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fingerprint, type HostKeyQuestion, KnownKeys, names, parseKnownHosts } from '../../src/adapters/known-hosts.ts';
import { HostError } from '../../src/ports/hosts.ts';

function key(type: string, seed: number): Buffer {
  const word = (bytes: Buffer) => { const length = Buffer.alloc(4); length.writeUInt32BE(bytes.length); return Buffer.concat([length, bytes]); };
  return Buffer.concat([word(Buffer.from(type)), word(Buffer.alloc(32, seed))]);
}
const ed = key('ssh-ed25519', 1);
const other = key('ssh-ed25519', 2);
const ec = key('ecdsa-sha2-nistp256', 3);
const line = (name: string, blob: Buffer, marker = '') => `${marker}${name} ${blob.toString('latin1', 4, 4 + blob.readUInt32BE(0))} ${blob.toString('base64')} comment\n`;

const folder = mkdtempSync(join(tmpdir(), 'vaultctl-known-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
function file(text: string): string {
  const path = join(folder, `known_hosts_${files += 1}`);
  writeFileSync(path, text);
  return path;
}
function known(text: string, parts: Partial<HostKeyQuestion> = {}): KnownKeys {
  return new KnownKeys({ host: 'm1', name: 'node1.example', port: 22, files: [file(text)], strict: 'yes', aliased: false, ...parts });
}
const refused = (pattern: RegExp, mend: RegExp) => (error: unknown) => {
  assert.ok(error instanceof HostError && error.kind === 'hostkey', String(error));
  assert.match(error.message, pattern);
  assert.match(error.mend ?? '', mend);
  return true;
};

describe('known_hosts', () => {
  it('a plain entry, a list, a wildcard and any case of the name are right', () => {
    for (const name of ['node1.example', 'a,node1.example,b', '*.example', 'node?.example', 'NODE1.example', '*']) assert.equal(known(line(name, ed)).check(ed), undefined, name);
  });

  it('a negated pattern takes the host out, wherever it stands', () => {
    assert.equal(names('*.example,!node1.example', 'node1.example'), false);
    assert.equal(names('!node1.example,*.example', 'node1.example'), false);
    assert.equal(names('!node2.example,*.example', 'node1.example'), true);
  });

  it('a hashed entry is found', () => {
    const salt = Buffer.alloc(20, 9);
    const hash = createHmac('sha1', salt).update('[node1.example]:2222').digest('base64');
    assert.equal(known(line(`|1|${salt.toString('base64')}|${hash}`, ed), { port: 2222 }).check(ed), undefined);
    assert.throws(() => known(line(`|1|${salt.toString('base64')}|${hash}`, ed)).check(ed), refused(/unknown/, /ssh-keyscan node1/));
  });

  it('another port has entries of its own, and the plain one counts there only when it agrees', () => {
    assert.equal(known(line('[node1.example]:2222', ed), { port: 2222 }).check(ed), undefined);
    assert.equal(known(line('node1.example', ed), { port: 2222 }).check(ed), undefined);
    assert.throws(() => known(line('node1.example', other), { port: 2222 }).check(ed), refused(/unknown/, /ssh-keyscan -p 2222 node1\.example >> .*known_hosts/));
    assert.throws(() => known(line('[node1.example]:2222', ed)).check(ed), refused(/unknown/, /ssh-keyscan/));
  });

  it('an alias stands for address and port', () => {
    assert.equal(known(line('thebastion', ed), { name: 'thebastion', port: 2222, aliased: true }).check(ed), undefined);
  });

  it('a changed key names the line, both fingerprints and how to mend it', () => {
    assert.throws(() => known(`# comment\n${line('node1.example', other)}`).check(ed), (error) => {
      assert.ok(error instanceof HostError);
      assert.ok(error.message.includes(fingerprint(ed)) && error.message.includes(fingerprint(other)) && /CHANGED/.test(error.message) && /:2 says/.test(error.message));
      return refused(/CHANGED/, /console.*ssh-keygen -f .*known_hosts_\d+ -R 'node1\.example'/)(error);
    });
  });

  it('a second kind of key is not taken for the known one, and the known kind is asked for', () => {
    const keys = known(line('node1.example', ec));
    assert.deepEqual(keys.types, ['ecdsa-sha2-nistp256']);
    assert.throws(() => keys.check(ed), refused(/shows a ssh-ed25519 key .* none of the kind/, /ssh-keygen/));
  });

  it('one right key among several is right', () => {
    assert.equal(known(line('node1.example', other) + line('node1.example', ec) + line('node1.example', ed)).check(ed), undefined);
  });

  it('a revoked key is refused even where the inventory lets everything pass', () => {
    const text = line('node1.example', ed) + line('*', ed, '@revoked ');
    assert.throws(() => known(text).check(ed), refused(/revoked by .*:2/, /new keys/));
    assert.throws(() => known(text, { strict: 'no' }).check(ed), refused(/revoked/, /new keys/));
  });

  it('a certificate authority is no host key, and the refusal says so', () => {
    assert.throws(() => known(line('*.example', ed, '@cert-authority ')).check(ed), refused(/unknown.*certificate authority/, /ssh-keyscan/));
  });

  it('a missing file is told apart from an unknown host', () => {
    assert.throws(() => known('', { files: [join(folder, 'none')] }).check(ed), refused(/there is no known_hosts file/, /ssh-keyscan node1\.example >> .*\/none/));
    assert.throws(() => known('garbage\nnode1.example ssh-ed25519\nnode1.example ssh-ed25519 AAAA\n').check(ed), refused(/unknown/, /SHA256:/));
  });

  it('several files count together', () => {
    assert.equal(known('', { files: [join(folder, 'none'), file(line('x', ed)), file(line('node1.example', ed))] }).check(ed), undefined);
  });

  it('what the inventory lets pass is warned about, and accept-new remembers once', () => {
    assert.match(known(line('node1.example', other), { strict: 'no' }).check(ed) ?? '', /changed/);
    assert.match(known('', { strict: 'no' }).check(ed) ?? '', /unknown/);
    const path = join(folder, 'new/known_hosts');
    assert.match(known('', { strict: 'accept-new', files: [path], port: 2222 }).check(ed) ?? '', /is now in/);
    assert.deepEqual(parseKnownHosts(readFileSync(path, 'utf8'), path).map((entry) => [entry.names, entry.type]), [['[node1.example]:2222', 'ssh-ed25519']]);
    assert.throws(() => known(line('node1.example', other), { strict: 'accept-new' }).check(ed), refused(/CHANGED/, /ssh-keygen/));
  });

  it('a file that cannot be read is an error, for it may revoke keys', () => {
    assert.throws(() => known('', { files: [folder] }), refused(/cannot be read/, /ls -l/));
    chmodSync(folder, 0o700);
  });
});
