// A shelf of charts on loopback with TLS, run as a program in the network where helm is: `chart-shelf.ts FOLDER CERT KEY`. FOLDER's files are
// served as a chart repository (index.yaml and archives), and each NAME-VERSION.tgz in it as oci://HOST/charts/NAME:VERSION.
// Pull only, no login: the two requests that helm makes of a registry (https://github.com/opencontainers/distribution-spec).
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import process from 'node:process';

interface Blob { readonly mediaType: string; readonly bytes: Buffer }

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const [folder = '', cert = '', key = ''] = process.argv.slice(2);
const described = ({ mediaType, bytes }: Blob) => ({ mediaType, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, size: bytes.length });

/** Read anew for every request: a chart that is put on the shelf is there. */
function shelf(): { readonly blobs: Map<string, Blob>; readonly tags: Map<string, string> } {
  const blobs = new Map<string, Blob>();
  const tags = new Map<string, string>();
  const put = (blob: Blob) => { const about = described(blob); blobs.set(about.digest, blob); return about; };
  for (const file of readdirSync(folder)) {
    const [, name, version] = /^(.+?)-(\d+\.\d+\.\d+.*)\.tgz$/.exec(file) ?? [];
    if (name === undefined || version === undefined) continue;
    const layer = put({ mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip', bytes: readFileSync(join(folder, file)) });
    const config = put({ mediaType: 'application/vnd.cncf.helm.config.v1+json', bytes: Buffer.from(JSON.stringify({ apiVersion: 'v2', name, version })) });
    const manifest = put({ mediaType: MANIFEST, bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [layer] })) });
    tags.set(`charts/${name}:${version}`, manifest.digest);
  }
  return { blobs, tags };
}

const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
  const path = decodeURIComponent(new URL(request.url ?? '/', 'http://shelf').pathname);
  process.stdout.write(`${request.method} ${path}\n`);
  const give = (bytes: Buffer, headers: Record<string, string> = {}) => { response.writeHead(200, { 'content-length': bytes.length, ...headers }); response.end(request.method === 'HEAD' ? undefined : bytes); };
  const none = () => { response.writeHead(404, { 'content-type': 'application/json' }); response.end('{"errors":[{"code":"NOT_FOUND"}]}'); };
  if (!path.startsWith('/v2')) { const file = join(folder, path.replaceAll('..', '')); return existsSync(file) && path !== '/' ? give(readFileSync(file)) : none(); }
  if (path === '/v2/') return give(Buffer.from('{}'));
  const { blobs, tags } = shelf();
  const [, name, what, reference = ''] = /^\/v2\/(.+)\/(manifests|blobs|tags)\/(.+)$/.exec(path) ?? [];
  if (what === 'tags') return give(Buffer.from(JSON.stringify({ name, tags: [...tags.keys()].filter((tag) => tag.startsWith(`${name}:`)).map((tag) => tag.slice(`${name}:`.length)) })), { 'content-type': 'application/json' });
  const digest = reference.startsWith('sha256:') ? reference : tags.get(`${name}:${reference}`);
  const blob = digest === undefined ? undefined : blobs.get(digest);
  return blob === undefined ? none() : give(blob.bytes, { 'content-type': blob.mediaType, 'docker-content-digest': digest! });
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`listening on 127.0.0.1:${(server.address() as { port: number }).port}\n`));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
