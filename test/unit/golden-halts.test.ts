import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { everySample, haltSamples } from '../../scripts/halt-samples.ts';
import { exitCodes, haltPage, UsageError } from '../../src/model/halt.ts';
import { haltTexts } from '../../src/model/halts.ts';
import { helpOf } from './typed-line.ts';

const golden = fileURLToPath(new URL('../golden', import.meta.url));
const src = fileURLToPath(new URL('../../src', import.meta.url));
const pathOf = (name: string) => join(golden, `${name}.txt`);

/** The code that a script may rely on (contract §3), written down apart from the registry that must keep to it. */
const contract: Record<keyof typeof haltTexts, readonly number[]> = {
  stopped: [129, 130, 143], lockLost: [6], locked: [6], foreignRekey: [6],
  proofUnrecorded: [5], noMajority: [5], managersUnreachable: [5], notSetAside: [5], preflight: [5], undelivered: [5], stageFailed: [5], managerCutOff: [5], cannotTellLost: [5], everyManagerFirst: [5],
  vaultUnreachable: [8], kubernetesUnreachable: [8], kubernetesForbidden: [8], podsNotThere: [8], vaultCutOff: [8], initUnanswered: [8], initCutOff: [8], restoreCutOff: [8], noLeader: [8], nodesClosed: [8], nodesBehind: [8],
  autoUnseal: [7], otherCluster: [7], conflictingMain: [7], unreadable: [7], keysRejected: [7], unproven: [7], snapshotFailed: [5, 7], notReversible: [7],
  importRejected: [7], emptyFirst: [7], notConfirmed: [7], stillUnsealed: [7], keysUnrejected: [7], keysAreLive: [7], restored: [7],
  finishFirst: [4], keysElsewhere: [4], chartFailed: [4], releaseStuck: [4], extraFailed: [4], notConfigured: [4], loginFailed: [4], rekeyInterrupted: [4], commitUnknown: [4], verifyFailed: [4], notGone: [4],
  notInitialised: [2], sharesWhileSealed: [2],
  credentialsLost: [3], initReplyLost: [3], halfCommit: [3], noKeysForSnapshot: [3], noSnapshot: [3],
};

/** Stops at which there are keys somewhere, or could be: the page says that they are safe, and where. */
const keysAtStake: readonly (keyof typeof haltTexts)[] = [
  'proofUnrecorded', 'stopped', 'lockLost', 'vaultCutOff', 'managerCutOff', 'noLeader', 'notSetAside', 'otherCluster', 'finishFirst', 'foreignRekey', 'conflictingMain', 'unreadable', 'keysRejected', 'undelivered', 'nodesClosed', 'initUnanswered', 'initCutOff', 'restoreCutOff',
  'snapshotFailed', 'notReversible', 'rekeyInterrupted', 'sharesWhileSealed', 'importRejected', 'emptyFirst', 'stageFailed', 'commitUnknown', 'restored', 'keysElsewhere', 'initReplyLost', 'cannotTellLost', 'halfCommit', 'everyManagerFirst', 'stillUnsealed', 'keysUnrejected', 'keysAreLive', 'notGone',
];

describe('the pages on which vaultctl stops', () => {
  for (const { name, text } of everySample()) {
    it(`${name}: reads as test/golden/${name}.txt`, () => {
      const page = haltPage(text);
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(pathOf(name), page);
      assert.equal(page, readFileSync(pathOf(name), 'utf8'), 'a wanted change: UPDATE_GOLDEN=1');
    });
  }

  it('have one golden text each, and no golden text is left of a page that is gone', () => {
    assert.deepEqual(Object.keys(haltSamples).toSorted(), Object.keys(haltTexts).toSorted());
    assert.deepEqual(readdirSync(golden).filter((name) => name.endsWith('.txt')).toSorted(), everySample().map(({ name }) => `${name}.txt`).toSorted());
  });

  it('end with the exit code of the contract', () => {
    for (const { entry, name, text } of everySample()) assert.ok(contract[entry].includes(exitCodes[text.exit]), `${name}: exit ${exitCodes[text.exit]}`);
    const signals = haltSamples.stopped;
    assert.deepEqual([signals['']!, signals['sigterm']!].map(({ exit }) => exitCodes[exit]), [130, 143]);
  });

  it('say what was not done, and what is safe wherever keys are at stake', () => {
    for (const { name, text } of everySample()) assert.ok((text.notDone ?? []).length > 0, name);
    for (const entry of keysAtStake) {
      const [text] = Object.values(haltSamples[entry]);
      assert.ok((text?.safe ?? []).length > 0, entry);
    }
  });

  it('name a next command, and every command they name is one that vaultctl takes', async () => {
    const helps = new Map<string, string>();
    for (const { name, text } of everySample()) {
      const next = (text.next ?? []).join('\n');
      assert.match(next, /vaultctl |run the same command again|vault operator/, `${name} has no next command`);
      for (const [line, verb = ''] of haltPage(text).matchAll(/vaultctl (install|rotate|unseal|status|verify|distribute|recover|plan|inventory)\b[^\n]*/g)) {
        if (!helps.has(verb)) helps.set(verb, await helpOf(verb));
        const called = line.replace(/ {3}\(.*$/, '');
        for (const [flag] of called.matchAll(/--[a-z][a-z-]+/g)) assert.match(helps.get(verb) ?? '', new RegExp(`${flag}\\b`), `${name}: ${verb} has no ${flag}`);
        if (!/^vaultctl (status|recover) *$/.test(called)) assert.match(called, / -i hosts\.yaml/, `${name}: "${called}" would look for another inventory`);
      }
      for (const [flag] of next.matchAll(/--(?:allow-missing|allow-missing-node|token-file|confirm)\b/g)) assert.match(await helpOf('install'), new RegExp(`${flag}\\b`));
    }
  });

  it('hold no secret, and are made by functions that are never given one', () => {
    for (const { name, text } of everySample()) {
      assert.doesNotMatch(haltPage(text), /hvs\.|\bs\.[A-Za-z0-9]{20,}|[A-Za-z0-9+/]{43}=/, name);
    }
    for (const file of ['model/halts.ts', 'model/halts-lost.ts', 'model/halts-deploy.ts', 'model/halt.ts']) assert.doesNotMatch(readFileSync(join(src, file), 'utf8'), /secret\.ts|keys\.ts|reveal/, file);
  });

  it('have one code each, for scripts', () => {
    const codes = new Map<string, string>();
    for (const { entry, text } of everySample()) {
      const unique = entry === 'finishFirst' ? entry : text.code;
      assert.equal(codes.get(unique) ?? entry, entry, `${text.code} stands for two halts`);
      codes.set(unique, entry);
      assert.match(text.code, /^[a-z]+(-[a-z]+)*$/);
    }
  });

  it('are all thrown somewhere: a page that nobody can meet is not documented', () => {
    const sources = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts')).map((path) => readFileSync(join(src, path), 'utf8')).join('\n');
    assert.deepEqual(Object.keys(haltTexts).filter((entry) => !sources.includes(`haltTexts.${entry}(`)), []);
  });
});

describe('"Credentials LOST"', () => {
  const page = haltPage(haltSamples.credentialsLost['']!);
  const inOrder = (...parts: (string | RegExp)[]) => {
    let from = 0;
    for (const part of parts) {
      const found = typeof part === 'string' ? page.indexOf(part, from) : page.slice(from).search(part) + from;
      assert.ok(found >= from, `"${String(part)}" is missing, or not where it belongs`);
      from = found;
    }
  };

  it('begins with these words, also where only the reply of init was lost', () => {
    assert.match(page, /^Credentials LOST/);
    assert.match(haltPage(haltSamples.initReplyLost['']!), /^Credentials LOST/);
  });

  it('says that Vault at its addresses is initialised, and every path on every host with what was found', () => {
    inOrder('Vault at https://10.0.0.11:8200, https://10.0.0.12:8200', 'is initialised', 'Searched:');
    for (const host of ['node1', 'node2', 'node3']) {
      for (const file of ['vault-unseal.json', 'vault-creds-init.json.tmp', 'vault-creds-rotate.json.tmp', 'vault-unseal.previous.json']) assert.match(page, new RegExp(`${host}:/etc/kubernetes/${file}: absent`));
    }
  });

  it('asks first for keys kept elsewhere, then for a node still open, and only then tells how to start over', () => {
    inOrder('FIRST', 'paper', 'a password manager', 'a host that left the inventory', 'a backup of /etc/kubernetes', 'vaultctl recover --import FILE', '- for standard input',
      'still unsealed? Do NOT restart or seal it: export the secrets now with any living token', 'A raft snapshot does not help without the keys',
      'ALL SECRETS IN VAULT WILL BE LOST', 'scale the StatefulSet to 0', 'delete the PVCs (data-vault-0', 'a PVC is not released while its pod lives', 'scale back', 'vaultctl install',
      'after a typed confirmation: vaultctl recover --reinitialise');
  });

  it('says that nothing was changed', () => { assert.match(page, /Nothing was changed/); });
});

describe('a wrong inventory or command line', () => {
  it('is named with its file and line, says that nothing was touched, and what to do', () => {
    const page = haltPage(new UsageError('no such group "masters"', 'name one of the groups above', { file: 'hosts.yaml', line: 7 }).text);
    assert.equal(page, 'hosts.yaml:7: no such group "masters"\n\nNot done:\n  Nothing was touched.\n\nNext:\n  name one of the groups above\n');
    assert.equal(new UsageError('x').exitCode, 2);
  });
});
