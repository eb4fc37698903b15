import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { readVariables } from '../../src/inventory/known-variables.ts';
import { whyPassedOver } from '../../src/inventory/passed-over.ts';

type Options = Record<string, { vars?: { name: string }[] }>;

/** Every variable that Ansible's own plug-ins document. */
function variablesOf(type: string, ...plugins: string[]): string[] {
  const said = execFileSync('ansible-doc', ['-t', type, '-j', ...plugins], { encoding: 'utf8', maxBuffer: 16 << 20, stdio: ['ignore', 'pipe', 'ignore'] });
  const documents = JSON.parse(said) as Record<string, { doc: { options: Options } }>;
  assert.equal(Object.keys(documents).length, plugins.length, said.slice(0, 200));
  return Object.values(documents).flatMap(({ doc }) => Object.values(doc.options).flatMap(({ vars }) => (vars ?? []).map(({ name }) => name)));
}

describe('the variables of Ansible\'s plug-ins for ssh and local', () => {
  it('are each read, or passed over with a reason', () => {
    const all = [...variablesOf('connection', 'ssh', 'local', 'paramiko_ssh'), ...variablesOf('become', 'sudo', 'su'), ...variablesOf('shell', 'sh')];
    const named = all.filter((name) => /^ansible_\w+$/.test(name));
    assert.ok(named.length > 40, `${named.length} variables`);
    assert.deepEqual(named.filter((name) => !readVariables.has(name) && whyPassedOver(name) === undefined), []);
  });
});
