import type { Sight, Step } from '../engine/flow.ts';
import type { Eyes } from '../engine/world.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { isEmpty } from '../model/configuration.ts';
import type { Secret } from '../model/secret.ts';
import { VaultError } from '../vault/answers.ts';
import { compareConfiguration, type Item, writeConfiguration } from '../vault/configuration.ts';
import { activeOf, reachedNodes } from './prove-live.ts';

/**
 * Secrets engines, policies, Kubernetes auth and its roles, as the inventory wants them; what it does not name is left alone.
 * @param tokenIn the token that a flow has at this point; `--token-file` wins over it
 */
export function configureVault<R>(flow: string, tokenIn: (record: R) => Secret | undefined): Step<R, R> {
  return {
    name: 'configure-vault', title: 'configure Vault: secrets engines, policies, Kubernetes auth', kind: 'repeat',
    unasked: (eyes) => isEmpty(eyes.settings.configuration),
    look: async (eyes, record): Promise<Sight<R>> => {
      const token = usable(eyes, tokenIn(record));
      if (token === undefined) {
        eyes.tell({ is: 'warning', text: 'Vault was not configured: the files hold no root token; give one with --token-file and run: vaultctl configure' });
        return { is: 'done', out: record, skipped: true };
      }
      const items = await refusedAs(eyes, flow, async () => compareConfiguration(await eyes.vault.administered(await active(eyes), token), eyes.settings.configuration));
      for (const line of differences(items)) eyes.tell({ is: 'note', text: line });
      return items.every((item) => item.is === 'as-wanted') ? { is: 'done', out: record } : { is: 'pending' };
    },
    act: async (hands, record) => refusedAs(hands, flow, async () => {
      const admin = await hands.vault.administer(await active(hands), usable(hands, tokenIn(record))!);
      await writeConfiguration(admin, await compareConfiguration(admin, hands.settings.configuration));
      const left = (await compareConfiguration(admin, hands.settings.configuration)).filter((item) => item.is !== 'as-wanted');
      if (left.length > 0) throw new Halt(haltTexts.notConfigured(left.map(({ name, changes }) => `${name}: Vault keeps ${changes.map(({ field, from }) => `${field}: ${from ?? 'absent'}`).join(', ')}`), flow, hands.settings.inventory));
      return record;
    }),
  };
}

export function usable(eyes: Eyes, token: Secret | undefined): Secret | undefined {
  const found = eyes.flags.token ?? token;
  return found === undefined || found.empty ? undefined : found;
}

async function active(eyes: Eyes): Promise<string> {
  const sights = await reachedNodes(eyes);
  const found = activeOf(sights);
  if (found === undefined) throw new Halt(haltTexts.noLeader(sights.map(({ node }) => node.name), eyes.settings.inventory));
  return found.node.address;
}

/** What Vault refuses is the inventory's or the token's fault: the keys are delivered already, and stay so. */
async function refusedAs<T>(eyes: Eyes, flow: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof VaultError && error.status < 500) throw new Halt(haltTexts.notConfigured([error.message], flow, eyes.settings.inventory), { cause: error });
    throw error;
  }
}

/** As a diff shows it: `+` is not there yet, `~` differs. */
export function differences(items: readonly Item[]): string[] {
  return items.filter((item) => item.is !== 'as-wanted').flatMap((item) => [
    `${item.is === 'absent' ? '+' : '~'} ${item.name}`,
    ...item.changes.flatMap(({ field, from, to }) => [...(from === undefined ? [] : lines(`    - ${field}: `, from)), ...lines(`    + ${field}: `, to)]),
  ]);
}

function lines(head: string, text: string): string[] {
  const [first = '', ...rest] = text.split('\n');
  return [head + first, ...rest.map((line) => `${head.slice(0, 6)}${line}`)];
}
