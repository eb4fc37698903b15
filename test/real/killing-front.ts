import { createServer, request, type Server } from 'node:http';

export type Boundary = 'before' | 'after';

/**
 * A front before one real node that counts the requests of one client and, at the n-th, calls `strike` either before
 * the server sees it or once the server has answered and before the client hears of it.
 */
export class KillingFront {
  readonly address: string;
  readonly #server: Server;
  #count = 0;
  #at = Infinity;
  #when: Boundary = 'before';
  #strike: () => void = () => undefined;
  #cut = true;
  /** `PUT sys/init`, in order, since the last `arm`. */
  requests: string[] = [];

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.address = `http://127.0.0.1:${port}`;
  }

  static async start(behind: () => string): Promise<KillingFront> {
    let front: KillingFront | undefined;
    const server = createServer((incoming, outgoing) => {
      const own = front!;
      const number = own.#next(`${incoming.method} ${(incoming.url ?? '').replace('/v1/', '')}`);
      if (number === own.#at && own.#when === 'before') {
        own.#strike();
        if (own.#cut) { outgoing.destroy(); return; }
      }
      const target = new URL(incoming.url ?? '/', behind());
      const onward = request(target, { method: incoming.method, headers: { ...incoming.headers, host: target.host } }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => { chunks.push(chunk); });
        answer.on('end', () => {
          if (number === own.#at && own.#when === 'after') {
            own.#strike();
            if (own.#cut) { outgoing.destroy(); return; }
          }
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          outgoing.end(Buffer.concat(chunks));
        });
        answer.on('error', () => outgoing.destroy());
      });
      onward.on('error', () => outgoing.destroy());
      incoming.pipe(onward);
    });
    await new Promise<void>((listening) => { server.listen(0, '127.0.0.1', listening); });
    front = new KillingFront(server, (server.address() as { port: number }).port);
    return front;
  }

  #next(what: string): number {
    this.#count += 1;
    this.requests.push(what);
    return this.#count;
  }

  /** Strikes at the n-th request from now (Infinity only counts), and cuts its connection unless told not to. */
  arm(at: number, when: Boundary, strike: () => void, { cut }: { cut: boolean } = { cut: true }): void {
    this.#count = 0;
    this.requests = [];
    this.#at = at;
    this.#when = when;
    this.#strike = strike;
    this.#cut = cut;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => { this.#server.close(closed); });
  }
}
