// A proxy in the cluster's network: CONNECT and SOCKS 5 on one port, and whatever name is asked for leads to the API server.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Cluster } from '../cluster/start.ts';

/** Says its port, then one line a connection: `connect kubernetes:6443`, `socks kubernetes:6443`, `plain GET /`. It ends with its stdin. */
const PROXY = `
const net = require('node:net');
const [port, mute, login, cert, key] = process.argv.slice(1);
process.stdin.resume().on('end', () => process.exit(0));
const say = (line) => process.stdout.write(line + '\\n');
const join = (socket, first) => { const far = net.connect(6443, '127.0.0.1', () => { socket.write(first); socket.pipe(far); far.pipe(socket); }); for (const [one, other] of [[socket, far], [far, socket]]) { one.on('error', () => other.destroy()); one.on('close', () => other.destroy()); } };
const serve = (socket) => {
  socket.on('error', () => socket.destroy());
  if (mute === 'mute') { say('mute'); return; }
  let all = Buffer.alloc(0); let greeted = false;
  const hear = (chunk) => {
    all = Buffer.concat([all, chunk]);
    if (all[0] === 5) {
      if (!greeted) { if (all.length < 2 + all[1]) return; greeted = true; all = Buffer.concat([Buffer.from([5]), all.subarray(2 + all[1])]); socket.write(Buffer.from([5, 0])); if (all.length === 1) { all = Buffer.alloc(0); return; } all = all.subarray(1); }
      if (all.length < 5 || all[3] !== 3) return;
      const length = all[4]; if (all.length < 7 + length) return;
      socket.off('data', hear);
      say('socks ' + all.subarray(5, 5 + length) + ':' + all.readUInt16BE(5 + length));
      join(socket, Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
      return;
    }
    const head = all.toString('latin1'); if (!head.includes('\\r\\n\\r\\n')) return;
    socket.off('data', hear);
    const [, method, target] = /^(\\S+) (\\S+)/.exec(head);
    if (login && !head.toLowerCase().includes('proxy-authorization: basic ' + Buffer.from(login).toString('base64').toLowerCase())) { say('refused ' + target); socket.end('HTTP/1.1 407 Proxy Authentication Required\\r\\nproxy-authenticate: Basic\\r\\ncontent-length: 0\\r\\n\\r\\n'); return; }
    if (method !== 'CONNECT') { say('plain ' + method + ' ' + target); socket.end('HTTP/1.1 400 no\\r\\ncontent-length: 0\\r\\n\\r\\n'); return; }
    say('connect ' + target);
    join(socket, 'HTTP/1.1 200 Connection established\\r\\n\\r\\n');
  };
  socket.on('data', hear);
};
const server = cert ? require('node:tls').createServer({ cert: require('node:fs').readFileSync(cert), key: require('node:fs').readFileSync(key) }, serve).on('tlsClientError', () => say('no tls')) : net.createServer(serve);
server.listen(Number(port), '127.0.0.1', () => say(String(server.address().port)));
`;

export interface ConnectProxy {
  readonly port: number;
  /** What came since it was asked the last time. */
  seen(): string[];
  close(): Promise<void>;
}

interface ProxyOptions {
  readonly port?: number;
  /** Takes connections and says nothing. */
  readonly mute?: boolean;
  /** `user:password` that it wants. */
  readonly login?: string;
  /** Files; undefined: in the clear. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export async function startProxy({ nsenter }: Cluster, { port = 0, mute = false, login = '', tls }: ProxyOptions = {}): Promise<ConnectProxy> {
  const [program, ...args] = [...nsenter, process.execPath, '-e', PROXY, String(port), mute ? 'mute' : 'speaks', login, tls?.cert ?? '', tls?.key ?? ''];
  const child: ChildProcess = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout! });
  const [first] = await Promise.race([once(reader, 'line'), once(child, 'exit').then(() => { throw new Error('the proxy did not start'); })]) as [string];
  reader.on('line', (line) => lines.push(line));
  return {
    port: Number(first),
    seen: () => lines.splice(0, lines.length),
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.stdin!.end();
      await gone;
    },
  };
}
