import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { whyOpenssh } from '../../src/adapters/auto-transport.ts';
import { opensshArguments } from '../../src/adapters/openssh-arguments.ts';
import { opensshFailure } from '../../src/adapters/openssh-failure.ts';
import type { SshTarget } from '../../src/adapters/ssh-settings.ts';
import { Secret } from '../../src/model/secret.ts';
import { plainSsh } from '../../src/model/settings.ts';
import { manager } from '../contract/host-benches.ts';

const folder = mkdtempSync(join(tmpdir(), 'vaultctl-auto-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string) => { const path = join(folder, name); writeFileSync(path, text); return path; };
const known = file('known_hosts', 'm1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIN+sfdMi5QoMzIQmMaCjDNnA9G6O6kuUTtTTCRVjgPL\n');
const target: SshTarget = {
  name: 'm1', hostname: 'm1', port: 22, user: 'op', password: undefined, firstKey: undefined, identityFiles: [], identitiesOnly: false, hostKeyAlias: undefined,
  strict: 'yes', knownHostsFiles: [known], proxyJump: undefined, proxyCommand: undefined, connectTimeoutMs: 10_000, configFile: undefined, config: new Map(),
};
const why = (ssh: Partial<typeof plainSsh> = {}, of: Partial<SshTarget> = {}, privateKeyFile?: string) => whyOpenssh({ ssh: { ...plainSsh, ...ssh }, privateKeyFile }, { ...target, ...of });

describe('which transport a host needs, before it is asked', () => {
  it('ssh2, where nothing speaks against it', () => { assert.equal(why(), undefined); });
  it('a hardware key is known by what is in it, whatever its name', () => {
    const blob = Buffer.concat([Buffer.from('openssh-key-v1\0'), Buffer.from('....sk-ssh-ed25519@openssh.com....')]).toString('base64');
    const key = file('id', `-----BEGIN OPENSSH PRIVATE KEY-----\n${blob.slice(0, 20)}\n${blob.slice(20)}\n-----END OPENSSH PRIVATE KEY-----\n`);
    assert.match(why({}, {}, key) ?? '', /id is a hardware key/);
    assert.match(why({ identityFiles: [key] }) ?? '', /hardware key/);
    assert.equal(why({}, {}, file('other', `-----BEGIN OPENSSH PRIVATE KEY-----\n${Buffer.from('openssh-key-v1\0 ssh-ed25519').toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`)), undefined);
  });
  it('a certificate beside any key that is there', () => {
    const key = file('certified', 'x');
    file('certified-cert.pub', 'x');
    file('gone-cert.pub', 'x');
    assert.match(why({}, { identityFiles: [key] }) ?? '', /certified-cert\.pub is a certificate/);
    assert.equal(why({}, { identityFiles: [join(folder, 'gone')] }), undefined);
  });
  it('what the configuration of ssh says that ssh2 has no word for', () => {
    assert.match(why({}, { config: new Map([['certificatefile', ['/c']]]) }) ?? '', /certificatefile \/c/);
    assert.match(why({}, { config: new Map([['pkcs11provider', ['/usr/lib/p.so']]]) }) ?? '', /pkcs11provider/);
    assert.equal(why({}, { config: new Map([['knownhostscommand', ['none']], ['gssapiauthentication', ['yes']]]) }), undefined);
  });
  it('a host of which known_hosts knows an authority and no key', () => {
    const authority = file('authority', '@cert-authority m1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIN+sfdMi5QoMzIQmMaCjDNnA9G6O6kuUTtTTCRVjgPL\n');
    assert.match(why({}, { knownHostsFiles: [authority] }) ?? '', /certificate authority/);
    assert.equal(why({}, { knownHostsFiles: [authority, known] }), undefined);
  });
});

describe('the command line of the system\'s ssh', () => {
  const words = (parts: Parameters<typeof manager>[0], of: Partial<SshTarget> = {}) => opensshArguments(manager({ port: undefined, user: undefined, ...parts }), { ...target, ...of });
  const value = (all: readonly string[], key: string) => all.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);

  it('insists on strict host keys before anything the inventory says', () => {
    const found = words({ ssh: { ...plainSsh, words: ['-o', 'Ciphers=aes128-ctr'] } });
    assert.equal(value(found, 'StrictHostKeyChecking'), 'yes');
    assert.ok(found.indexOf('StrictHostKeyChecking=yes') < found.indexOf('Ciphers=aes128-ctr'));
    assert.equal(value(words({}, { strict: 'accept-new' }), 'StrictHostKeyChecking'), 'accept-new');
  });
  it('leaves to ~/.ssh/config what the inventory does not say', () => {
    const found = words({});
    for (const flag of ['-p', '-l', '-i', '-F']) assert.ok(!found.includes(flag), flag);
    assert.equal(value(found, 'UserKnownHostsFile'), undefined);
    assert.deepEqual(words({ port: 2222, user: 'op', ssh: { ...plainSsh, configFile: '/c' }, key: '/k' }).filter((word) => !word.includes('=') && word !== '-o'), ['-F', '/c', '-i', '/k', '-p', '2222', '-l', 'op']);
  });
  it('holds no password', () => {
    assert.doesNotMatch(words({ password: new Secret('hidden-word') }, { password: new Secret('hidden-word') }).join(' '), /hidden-word/);
  });
  it('a hop in front of a hop is a command within a command, whose % is doubled', () => {
    const proxy = value(words({ ssh: { ...plainSsh, knownHostsFiles: ['/k%h'] } }, { proxyJump: 'a@one:2201,two' }), 'ProxyCommand')!;
    assert.match(proxy, / -W '\[%h\]:%p' -- 'two'$/);
    assert.match(proxy, /'ProxyCommand='\\''ssh'\\''.* -W '\\''\[%%h\]:%%p'\\'' -- '\\''one'\\'''/);
    assert.match(proxy, /\/k%%h/);
    assert.match(proxy, /\/k%%%%h/);
  });
});

describe('what the system\'s ssh says when it fails', () => {
  const failed = (said: string, code = 255) => opensshFailure(target, 'ssh', code, said);

  it('is told without what could move a cursor, and never longer than a few lines', () => {
    const { message } = failed(`${'banner\n'.repeat(50)}\u001b[2Jop@m1: Permission denied (publickey).\r\n`);
    assert.ok(!message.includes('\u001b') && message.length < 200, message);
    assert.match(message, /login refused/);
  });
  it('has the kind that the other transport gives it', () => {
    assert.deepEqual(['Too many authentication failures', 'Host key verification failed.', 'ssh: Could not resolve hostname m1: x', 'Connection closed by remote host', ''].map((said) => failed(said).kind), ['denied', 'hostkey', 'unreachable', 'unreachable', 'unreachable']);
    assert.equal(failed('sh: 1: ssh: not found', 127).kind, 'tool');
    assert.match(opensshFailure(target, 'ssh', undefined, '').message, /no login within 10 s/);
  });
});
