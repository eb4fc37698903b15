import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { settingsFrom } from '../../src/inventory/settings.ts';
import { Halt, haltPage } from '../../src/model/halt.ts';
import { load, three } from './inventory-world.ts';

const secret = 'S3cretCanary';
/** Mistakes that people make with a password they do not quote, or quote badly. */
const mistakes = [
  `*${secret}`, `!${secret}`, `&${secret}`, `|${secret}`, `>${secret}`, `%${secret}`, `@${secret}`, `\`${secret}`, `"${secret}`, `'${secret}' x`, `"x" ${secret}`, `[${secret}`, `{${secret}`, `${secret}: b`, `b: ${secret}: c`,
  `!!int ${secret}`, `!!bool ${secret}`, `!!float ${secret}`, `!!binary "${secret}"`, `!!timestamp ${secret}`, `!vault ${secret}`, `[${secret}]`, `{${secret}: 1}`, `"${secret}\\nx"`, `"\\q${secret}"`,
  `"a{{${secret}"`, `"{{ '${secret}' | b64decode }}"`, `"{% ${secret} %}"`, `"{{ ${secret}.x['y'] + 1 }}"`, `"a{# ${secret}"`,
  `&a *${secret}`, `\n      *${secret}`, `\n      !${secret}`,
];
const names = ['ansible_password', 'ansible_ssh_pass', 'ansible_become_password', 'ansible_become_pass', 'ansible_sudo_pass'];

async function said(text: string, extraVars: string[] = []): Promise<string> {
  try {
    const inventory = await load(text, { extraVars });
    await settingsFrom(inventory, { localNames: [], home: '/home/op' });
    return inventory.warnings.join('\n');
  } catch (error) {
    assert.ok(error instanceof Halt, String((error as Error).stack));
    return `${haltPage(error.text)}\n${JSON.stringify(error)}`;
  }
}

describe('a password that is written wrongly in the inventory is refused without being shown', () => {
  for (const mistake of mistakes) {
    it(mistake.trim(), async () => {
      for (const name of names) {
        for (const text of [three('', `${name}: ${mistake}`), three('', `ansible_become: true\n${name}: ${mistake}`), three(`        m4: {ansible_host: 10.0.0.4, ${name}: ${mistake.trim()}}`)]) {
          assert.doesNotMatch(await said(text), new RegExp(secret, 'i'), text);
        }
        assert.doesNotMatch(await said(three(), [`{"${name}": ${mistake}}`]), new RegExp(secret, 'i'));
      }
    });
  }

  it('also where it stands in an address of Vault', async () => {
    for (const url of [`https://root:${secret}@10.0.0.1:8200`, `https://${secret}@10.0.0.1:8200`, `https://10.0.0.1:8200/?token=${secret}`, `ftp://root:${secret}@10.0.0.1`, `https://10.0.0.1:8200/v1#${secret}`]) {
      const page = await said(three().replace('[https://10.0.0.1:8200]', JSON.stringify([url])));
      assert.match(page, /vault_addresses: .*not shown/);
      assert.doesNotMatch(page, new RegExp(secret, 'i'), url);
    }
  });

  it('and what is no secret is still named', async () => {
    assert.match(await said(three('', 'other: *nowhere')), /\*nowhere names an anchor/);
    assert.match(await said(three('', 'other: !strange x')), /unknown tag !strange/);
    assert.match(await said(three('', 'ansible_password: "{{ vault_ssh_pass }}"')), /ansible_password: vault_ssh_pass is not defined for m1/);
  });
});
