import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from './sshd.ts';

const REALM = 'VAULTCTL.TEST';
const PROGRAMS = ['/usr/sbin/krb5kdc', '/usr/sbin/kdb5_util', '/usr/sbin/kadmin.local', '/usr/bin/kinit'];

export interface Kerberos {
  /** For sshd: whose keytab it uses. */
  readonly server: Readonly<Record<string, string>>;
  /** For ssh: whose ticket it shows. */
  readonly client: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** What is missing for `startKerberos`, as the command that gets it. */
export function kerberosMissing(): string | undefined {
  return PROGRAMS.every((path) => existsSync(path)) ? undefined : 'apt-get install --no-install-recommends krb5-kdc krb5-admin-server krb5-user';
}

/** A realm of its own on loopback, with a ticket for `user` and a keytab for the sshd on `address`. Nothing outside of `folder`. */
export async function startKerberos(folder: string, { address, user }: { readonly address: string; readonly user: string }): Promise<Kerberos> {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const port = await freePort(address);
  const file = (name: string, text: string) => { writeFileSync(join(folder, name), text); return join(folder, name); };
  const config = {
    KRB5_CONFIG: file('krb5.conf', `[libdefaults]\n default_realm = ${REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n dns_canonicalize_hostname = false\n rdns = false\n[realms]\n ${REALM} = {\n  kdc = ${address}:${port}\n }\n`),
    KRB5_KDC_PROFILE: file('kdc.conf', `[kdcdefaults]\n kdc_listen = ${address}:${port}\n kdc_tcp_listen = ${address}:${port}\n[realms]\n ${REALM} = {\n  database_name = ${folder}/principal\n  key_stash_file = ${folder}/stash\n  max_life = 1h\n }\n`),
  };
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...config };
  const run = (program: string, ...args: string[]) => execFileSync(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  run('kdb5_util', 'create', '-s', '-r', REALM, '-P', randomBytes(12).toString('hex'));
  const [keytab, own, ticket] = ['keytab', 'own-keytab', 'ticket'].map((name) => join(folder, name)) as [string, string, string];
  for (const [principal, to] of [[`host/${address}`, keytab], [user, own]] as const) {
    run('kadmin.local', '-q', `addprinc -randkey ${principal}`);
    run('kadmin.local', '-q', `ktadd -k ${to} ${principal}`);
  }
  const kdc = spawn('krb5kdc', ['-n', '-P', join(folder, 'pid')], { env, stdio: 'ignore', detached: true });
  try {
    await answers(address, port);
    execFileSync('kinit', ['-k', '-t', own, '-c', ticket, user], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    await end(kdc);
    throw error;
  }
  return {
    server: { KRB5_CONFIG: config.KRB5_CONFIG, KRB5_KTNAME: keytab },
    client: { KRB5_CONFIG: config.KRB5_CONFIG, KRB5CCNAME: ticket },
    stop: () => end(kdc),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  child.kill();
  await ended;
}

async function answers(address: string, port: number): Promise<void> {
  for (let round = 0; round < 100; round += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: address, port });
      socket.once('connect', () => { socket.destroy(); resolve(true); });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  throw new Error(`no KDC answers on ${address}:${port}`);
}
