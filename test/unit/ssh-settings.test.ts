import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { jumpTarget, targetOf } from '../../src/adapters/ssh-settings.ts';
import { manager } from '../contract/host-benches.ts';

// OpenSSH takes the home folder from the user database, so a wrapper hands it our file: the answers are the real ssh's.
const home = mkdtempSync(join(tmpdir(), 'vaultctl-home-'));
const before = { HOME: process.env.HOME, PATH: process.env.PATH };
mkdirSync(join(home, '.ssh'));
mkdirSync(join(home, 'bin'));
writeFileSync(join(home, 'bin/ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${home}/.ssh/config "$@"\n`, { mode: 0o755 });
writeFileSync(join(home, '.ssh/config'), `
Host node1
  HostName 10.0.0.1
  Port 2222
  User deploy
  IdentityFile ~/.ssh/special
  IdentitiesOnly yes
  HostKeyAlias the-node
  UserKnownHostsFile ~/.ssh/special_hosts
Host behind
  ProxyJump deploy@bastion:2200,inner
Host command
  ProxyCommand nc %h %p
Host inner
  HostName 10.9.9.9
  Port 2022
Host unaided
  HostName 10.0.0.7
  Port 2207
  User deploy
  IdentityFile ~/.ssh/plain
  IdentitiesOnly yes
  UserKnownHostsFile ~/.ssh/plain_hosts
  ProxyJump bastion
Match user root host matched
  Port 4242
`);
process.env.HOME = home;
process.env.PATH = `${join(home, 'bin')}:${before.PATH ?? ''}`;
after(() => {
  Object.assign(process.env, before);
  rmSync(home, { recursive: true });
});
const target = (address: string, parts: Parameters<typeof manager>[0] = {}) => targetOf(manager({ address, port: undefined, user: undefined, ...parts }));

describe('how a host is reached', () => {
  it('~/.ssh/config says what the inventory leaves open', async () => {
    const found = await target('node1');
    assert.deepEqual([found.hostname, found.port, found.user, found.identitiesOnly, found.hostKeyAlias], ['10.0.0.1', 2222, 'deploy', true, 'the-node']);
    assert.ok(found.identityFiles.some((file) => file.endsWith('/.ssh/special')));
    assert.match(found.knownHostsFiles[0] ?? '', /\/\.ssh\/special_hosts$/);
  });

  it('the inventory wins, and is heard by Match blocks', async () => {
    const found = await target('node1', { port: 22, user: 'root', knownHosts: '/tmp/hosts' });
    assert.deepEqual([found.hostname, found.port, found.user, found.knownHostsFiles[0]], ['10.0.0.1', 22, 'root', '/tmp/hosts']);
    assert.equal((await target('matched', { user: 'root' })).port, 4242);
    assert.equal((await target('matched', { user: 'other' })).port, 22);
  });

  it('each hop has settings of its own, and the inventory\'s way replaces the other', async () => {
    const found = await target('behind');
    assert.equal(found.proxyJump, 'deploy@bastion:2200,inner');
    const [first, inner] = await Promise.all([jumpTarget('deploy@bastion:2200', found), jumpTarget('inner', found)]);
    assert.deepEqual([first.hostname, first.port, first.user, inner.hostname, inner.port], ['bastion', 2200, 'deploy', '10.9.9.9', 2022]);
    assert.equal((await jumpTarget('ssh://me@[::1]:2022', found)).hostname, '::1');
    await assert.rejects(jumpTarget('a b:c:d', found), /not \[user@\]host/);
    const own = { ...manager({}).ssh, proxyCommand: 'connect %h:%p %%' };
    const replaced = await target('behind', { ssh: own });
    assert.deepEqual([replaced.proxyJump, replaced.proxyCommand], [undefined, 'connect behind:22 %']);
  });

  it('strictness is the inventory\'s alone to loosen, and defaults are OpenSSH\'s', async () => {
    const found = await target('plain');
    assert.deepEqual([found.hostname, found.port, found.strict, found.proxyJump, found.hostKeyAlias], ['plain', 22, 'yes', undefined, undefined]);
    assert.deepEqual((await target('command')).proxyCommand, 'nc command 22');
  });

  it('without OpenSSH on this machine the configuration is read all the same', async () => {
    const path = process.env.PATH;
    process.env.PATH = join(home, 'nothing-here');
    try {
      const found = await target('unaided');
      assert.deepEqual([found.hostname, found.port, found.user, found.identitiesOnly, found.proxyJump], ['10.0.0.7', 2207, 'deploy', true, 'bastion']);
      assert.equal(found.identityFiles[0], join(home, '.ssh/plain'));
      assert.equal(found.knownHostsFiles[0], join(home, '.ssh/plain_hosts'));
    } finally {
      process.env.PATH = path;
    }
  });

  it('a configuration that ssh cannot read is an error, not a default', async () => {
    writeFileSync(join(home, '.ssh/config'), 'Nonsense yes\n');
    await assert.rejects(target('fresh-name'), /~\/\.ssh\/config: .*(Bad configuration option|nonsense)/i);
  });
});
