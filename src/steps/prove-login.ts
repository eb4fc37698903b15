import type { Step } from '../engine/flow.ts';
import type { Hands } from '../engine/world.ts';
import { tokenOf } from '../kubernetes/service-accounts.ts';
import type { Role } from '../model/configuration.ts';
import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import type { KubeWire } from '../ports/kube.ts';
import { VaultError } from '../vault/answers.ts';
import { readablePath } from '../vault/policy-paths.ts';
import { leader } from './start-rekey.ts';

interface Row { readonly what: string; readonly is: 'right' | 'wrong' | 'untried'; readonly why?: string }

/** A path that no application's policy gives: to read it is to be more than the role says. */
const FORBIDDEN = 'sys/mounts';

/**
 * For every role of the inventory: a token of its service account logs in, reads what its policy gives, is refused what it
 * does not; another service account is refused; the token is revoked.
 */
export function proveLogin<R>(flow: string): Step<R, R> {
  return {
    name: 'prove-login', title: 'verify: a service account logs in, reads what its policy gives, and nothing else', kind: 'repeat',
    unasked: (eyes) => eyes.kube === undefined || eyes.settings.configuration.roles.length === 0,
    look: async () => ({ is: 'pending' }),
    act: async (hands, record) => {
      const kube = await hands.kube!();
      const address = await leader(hands);
      const rows: Row[] = [];
      for (const role of hands.settings.configuration.roles) rows.push(...await tryRole(hands, kube, address, role));
      for (const { what, is, why } of rows) hands.tell({ is: is === 'untried' ? 'warning' : 'note', text: `${is === 'right' ? 'ok     ' : is === 'wrong' ? 'WRONG  ' : 'untried'} ${what}${why === undefined ? '' : `: ${why}`}` });
      const wrong = rows.filter((row) => row.is === 'wrong');
      if (wrong.length > 0) throw new Halt(haltTexts.loginFailed(wrong.map(({ what, why }) => `${what}${why === undefined ? '' : `: ${why}`}`), flow, hands.settings.inventory));
      return record;
    },
  };
}

async function tryRole(hands: Hands, kube: KubeWire, address: string, { name, fields }: Role): Promise<Row[]> {
  const { kubernetes, configuration: { auth, policies } } = hands.settings;
  const names = listed(fields['bound_service_account_names']);
  const spaces = listed(fields['bound_service_account_namespaces']);
  const account = names[0] === '*' ? 'default' : names[0] ?? '';
  const space = spaces[0] === '*' ? kubernetes!.namespace : spaces[0] ?? '';
  const audience = typeof fields['audience'] === 'string' && fields['audience'] !== '' ? fields['audience'] : undefined;
  const login = `role ${name}: ${space}/${account} logs in`;
  const jwt = await tokenOf(kube, space, account, audience);
  if (jwt === undefined) return [{ what: login, is: 'untried', why: `there is no service account ${account} in namespace ${space} yet` }];
  const rows: Row[] = [];
  try {
    const token = await hands.vault.loginKubernetes(address, auth!.path, name, jwt);
    rows.push({ what: login, is: 'right' });
    try {
      const mine = listed(fields['token_policies'] ?? fields['policies']);
      for (const policy of policies.filter((each) => mine.includes(each.name))) {
        const path = readablePath(policy.text);
        if (path !== undefined) rows.push(await expects(`… reads ${path}, which policy ${policy.name} gives`, true, () => hands.vault.readAs(address, token, path)));
      }
      if (!policies.some((each) => mine.includes(each.name) && each.text.includes('sys/'))) rows.push(await expects(`… is refused ${FORBIDDEN}`, false, () => hands.vault.readAs(address, token, FORBIDDEN)));
    } finally {
      await hands.vault.revokeSelf(address, token);
    }
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    rows.push({ what: login, is: 'wrong', why: messageOf(error) });
  }
  if (!names.includes('*') && !names.includes('default')) {
    const other = await tokenOf(kube, space, 'default', audience);
    if (other !== undefined) rows.push(await expects(`role ${name}: ${space}/default is refused`, false, async () => { await hands.vault.revokeSelf(address, await hands.vault.loginKubernetes(address, auth!.path, name, other)); return 'allowed'; }));
  }
  return rows;
}

async function expects(what: string, allowed: boolean, attempt: () => Promise<'allowed' | 'refused'>): Promise<Row> {
  const found = await attempt().catch((error: unknown) => {
    if (error instanceof VaultError && (error.status === 403 || error.status === 400)) return 'refused' as const;
    throw error;
  });
  return found === (allowed ? 'allowed' : 'refused') ? { what, is: 'right' } : { what, is: 'wrong', why: `Vault ${found === 'allowed' ? 'allowed' : 'refused'} it` };
}

function listed(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : typeof value === 'string' ? value.split(',').map((part) => part.trim()).filter((part) => part !== '') : [];
}
