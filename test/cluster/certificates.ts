// The certificates of a cluster: one authority, and everybody's name in the way that Kubernetes reads it.
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { NODE_ADDRESS } from './namespaces.ts';

const run = promisify(execFile);
export const NODE_NAME = 'node-1';
export const API_SERVER = 'https://127.0.0.1:6443';

/** Who speaks to the API server: CN is the user, O the group. */
const clients = {
  admin: '/O=system:masters/CN=kubernetes-admin',
  'controller-manager': '/CN=system:kube-controller-manager',
  scheduler: '/CN=system:kube-scheduler',
  'kube-proxy': '/CN=system:kube-proxy',
  kubelet: `/O=system:nodes/CN=system:node:${NODE_NAME}`,
  'api-to-kubelet': '/CN=kube-apiserver-kubelet-client',
};
type Client = keyof typeof clients;

const servers = {
  'kube-apiserver': ['DNS:kubernetes', 'DNS:kubernetes.default', 'DNS:kubernetes.default.svc', 'DNS:kubernetes.default.svc.cluster.local', 'DNS:localhost', 'IP:127.0.0.1', 'IP:10.96.0.1', `IP:${NODE_ADDRESS}`],
  'kubelet-server': [`DNS:${NODE_NAME}`, `IP:${NODE_ADDRESS}`],
};

const ecKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Writes NAME.crt and NAME.key of each, ca.crt, front-proxy-ca.crt and sa.key, sa.pub into `folder`. */
export async function makeCertificates(folder: string): Promise<void> {
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder });
  const authority = (name: string) => openssl('req', '-x509', ...ecKey, '-subj', `/CN=${name}`, '-days', '30', '-keyout', `${name}.key`, '-out', `${name}.crt`);
  const signed = async (name: string, by: string, subject: string, extensions: string) => {
    writeFileSync(join(folder, `${name}.ext`), extensions);
    await openssl('req', ...ecKey, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    await openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${by}.crt`, '-CAkey', `${by}.key`, '-set_serial', String(serial += 1), '-days', '30', '-extfile', `${name}.ext`, '-out', `${name}.crt`);
  };
  let serial = 1;
  await Promise.all([authority('ca'), authority('front-proxy-ca'), openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', 'sa.key')]);
  await Promise.all([
    openssl('pkey', '-in', 'sa.key', '-pubout', '-out', 'sa.pub'),
    ...Object.entries(clients).map(([name, subject]) => signed(name, 'ca', subject, 'extendedKeyUsage=clientAuth\n')),
    ...Object.entries(servers).map(([name, names]) => signed(name, 'ca', `/CN=${name}`, `extendedKeyUsage=serverAuth\nsubjectAltName=${names.join(',')}\n`)),
    signed('front-proxy', 'front-proxy-ca', '/CN=front-proxy-client', 'extendedKeyUsage=clientAuth\n'),
  ]);
}

/** A kubeconfig at `path` with everything in it, for the client whose certificate is in `folder`. */
export function writeKubeconfig(path: string, folder: string, client: Client): void {
  const encoded = (name: string) => readFileSync(join(folder, name)).toString('base64');
  const name = 'vaultctl-cluster';
  writeFileSync(path, JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: API_SERVER, 'certificate-authority-data': encoded('ca.crt') } }],
    users: [{ name: client, user: { 'client-certificate-data': encoded(`${client}.crt`), 'client-key-data': encoded(`${client}.key`) } }],
    contexts: [{ name, context: { cluster: name, user: client } }],
    'current-context': name,
  }, undefined, 2), { mode: 0o600 });
}
