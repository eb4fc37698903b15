import { type KubeAnswer, KubeError, type KubeRequest, type KubeWire } from '../../src/ports/kube.ts';
import { type Controlled, Controllers, type ControllersOptions } from './kube-controllers.ts';

/*
 * A Kubernetes API server, simulated at the level of requests, with the controllers that vaultctl waits for. Fault model:
 *
 * - Objects lie in memory below their path; each has a uid of its own for life and a resourceVersion that grows with every
 *   write of the whole server. A request is one instant. What is written is durable: an API server that dies loses nothing.
 * - PUT wants the resourceVersion that it read, PATCH (a merge patch) one if it names one, DELETE the uid and the
 *   resourceVersion of its preconditions if it has any: 409 otherwise. POST of what is there: 409. What is not there: 404.
 * - DELETE of an object with finalizers only marks it (deletionTimestamp); it goes when the last finalizer does.
 * - The controllers (kube-controllers.ts) do their work when their time has come, and are looked at before every request:
 *   pods of a StatefulSet are created with their claims and deleted from the highest ordinal down, a claim stays for as long as a pod that
 *   uses it is there, a volume that is to be retained stays when its claim has gone.
 * - The wire (one for each process) asks its hook before and after each request: `refuse` (nobody listens), `lose` (before:
 *   the request never came; after: the answer did not), or a status that is answered instead (403, 429, 500). A throw or a
 *   promise of the hook passes through to the caller: that is how its own process dies.
 * - `down`: nobody listens until it is up again. `forbid`: paths whose requests are 403, in RBAC's words; who asks for his
 *   rights before (SelfSubjectAccessReview) is told the same.
 * - Not modelled: watches, admission, server-side apply, selectors other than equality, a stale read from a follower.
 */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  metadata: { name: string; uid?: string; resourceVersion?: string; generation?: number; labels?: Record<string, string>; annotations?: Record<string, string>; deletionTimestamp?: string; finalizers?: string[]; ownerReferences?: { kind: string; name: string }[] };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  data?: Record<string, string>;
}

export interface KubeCall { readonly when: 'before' | 'after'; readonly method: string; readonly path: string; readonly body: unknown }
export type KubeFate = 'refuse' | 'lose' | { readonly status: number } | undefined;
export type KubeHook = (call: KubeCall) => KubeFate | void | Promise<KubeFate | void>;

const ITEM = /^(.*\/(?:pods|persistentvolumeclaims|persistentvolumes|statefulsets|leases|secrets|serviceaccounts))(?:\/([^/]+))?$/;

const USER = 'system:serviceaccount:vault:vaultctl';
const VERBS: Readonly<Record<string, readonly string[]>> = { GET: ['get', 'list'], POST: ['create'], PUT: ['update'], PATCH: ['patch'], DELETE: ['delete'] };

export class SimKube implements Controlled {
  readonly objects = new Map<string, KubeObject>();
  readonly controllers: Controllers;
  readonly now: () => number;
  down = false;
  readonly forbid: { readonly method: string; readonly path: RegExp }[] = [];
  #version = 1;

  constructor(options: ControllersOptions & { readonly now: () => number }) {
    this.now = options.now;
    this.controllers = new Controllers(this, options);
  }

  /** One process's way to the server. */
  wire(hook: KubeHook = () => undefined): KubeWire {
    return { server: 'https://sim:6443 (context sim)', close: () => undefined, request: (request) => this.#over(hook, request) };
  }

  async #over(hook: KubeHook, request: KubeRequest): Promise<KubeAnswer> {
    const call = { method: request.method, path: request.path.split('?')[0]!, body: request.body };
    const before = await hook({ ...call, when: 'before' });
    if (this.down || before === 'refuse') throw new KubeError('before', 'the API server https://sim:6443 does not answer: ECONNREFUSED');
    if (before === 'lose') throw new KubeError('unknown', 'the API server https://sim:6443 does not answer: ECONNRESET');
    const answer = typeof before === 'object' ? { status: before.status, body: { message: `simulated ${before.status}` } } : this.serve(request);
    const after = await hook({ ...call, when: 'after' });
    if (after === 'lose') throw new KubeError('unknown', 'the API server https://sim:6443 does not answer: ECONNRESET');
    return structuredClone(answer);
  }

  /** Puts an object there as if somebody had created it. */
  put(list: string, object: KubeObject): KubeObject {
    const made = structuredClone(object);
    this.#version += 1;
    made.metadata = { ...made.metadata, uid: made.metadata.uid ?? `uid-${this.#version}`, resourceVersion: String(this.#version) };
    this.objects.set(`${list}/${made.metadata.name}`, made);
    return made;
  }

  touch(object: KubeObject): void { this.#version += 1; object.metadata.resourceVersion = String(this.#version); }

  list(path: string): KubeObject[] { return [...this.objects].filter(([key]) => key.slice(0, key.lastIndexOf('/')) === path).map(([, object]) => object); }

  serve({ method, path: asked, body }: KubeRequest): KubeAnswer {
    this.controllers.tick();
    const [path = '', query = ''] = asked.split('?');
    if (this.forbid.some((rule) => rule.method === method && rule.path.test(path))) return no(403, refusalOf(method, path));
    if (method === 'POST' && path.endsWith('/selfsubjectaccessreviews')) return { status: 201, body: { status: { allowed: !this.#forbids(body) } } };
    if (method === 'POST' && path.endsWith('/selfsubjectreviews')) return { status: 201, body: { status: { userInfo: { username: USER } } } };
    const [, list, name] = ITEM.exec(path) ?? [];
    if (list === undefined) return no(404, `the server could not find the requested resource ${path}`);
    if (name === undefined) return method === 'POST' ? this.#create(list, body as KubeObject) : this.#listed(list, query);
    const key = `${list}/${name}`;
    const found = this.objects.get(key);
    if (found === undefined) return no(404, `"${name}" not found`);
    switch (method) {
      case 'GET': return { status: 200, body: found };
      case 'PUT': return this.#write(key, found, body as KubeObject, true);
      case 'PATCH': return this.#write(key, found, merged(found, body) as KubeObject, (body as Partial<KubeObject>).metadata?.resourceVersion !== undefined);
      case 'DELETE': return this.#remove(key, found, body as { preconditions?: { uid?: string; resourceVersion?: string } } | undefined);
      default: return no(405, `${method} is not allowed`);
    }
  }

  #forbids(review: unknown): boolean {
    const { verb, group, resource, namespace, name } = (review as { spec: { resourceAttributes: Record<string, string | undefined> } }).spec.resourceAttributes;
    const path = `${group === '' ? '/api/v1' : `/apis/${group}/v1`}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${resource}${name === undefined ? '' : `/${name}`}`;
    return this.forbid.some((rule) => VERBS[rule.method]?.includes(verb!) === true && rule.path.test(path));
  }

  #listed(list: string, query: string): KubeAnswer {
    const wanted = new URLSearchParams(query).get('labelSelector')?.split(',').map((pair) => pair.split('=')) ?? [];
    const items = this.list(list).filter(({ metadata }) => wanted.every(([label, value]) => metadata.labels?.[label!] === value));
    return { status: 200, body: { items } };
  }

  #create(list: string, object: KubeObject): KubeAnswer {
    if (this.objects.has(`${list}/${object.metadata.name}`)) return no(409, `"${object.metadata.name}" already exists`);
    return { status: 201, body: this.put(list, object) };
  }

  #write(key: string, found: KubeObject, next: KubeObject, versioned: boolean): KubeAnswer {
    if (versioned && next.metadata.resourceVersion !== found.metadata.resourceVersion) return no(409, `Operation cannot be fulfilled on "${found.metadata.name}": the object has been modified`);
    const fresh = { ...structuredClone(next), metadata: { ...structuredClone(next.metadata), uid: found.metadata.uid } } as KubeObject;
    this.objects.set(key, fresh);
    this.touch(fresh);
    this.controllers.tick();
    return { status: 200, body: fresh };
  }

  #remove(key: string, found: KubeObject, options: { preconditions?: { uid?: string; resourceVersion?: string } } | undefined): KubeAnswer {
    const { uid, resourceVersion } = options?.preconditions ?? {};
    if ((uid !== undefined && uid !== found.metadata.uid) || (resourceVersion !== undefined && resourceVersion !== found.metadata.resourceVersion)) {
      return no(409, 'Precondition failed: the object is another one');
    }
    this.controllers.remove(key, found);
    return { status: 200, body: found };
  }
}

/** As RBAC says it. */
function refusalOf(method: string, path: string): string {
  const [, group = '', namespace, resource, name] = /^\/(?:api|apis\/([^/]+))\/v1(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?$/.exec(path) ?? [];
  const verb = name === undefined && method === 'GET' ? 'list' : VERBS[method]?.[0];
  return `${resource}${group === '' ? '' : `.${group}`}${name === undefined ? '' : ` "${name}"`} is forbidden: User "${USER}" cannot ${verb} resource "${resource}" in API group "${group}"${namespace === undefined ? ' at the cluster scope' : ` in the namespace "${namespace}"`}`;
}

function no(status: number, message: string): KubeAnswer { return { status, body: { kind: 'Status', message } }; }

/** JSON merge patch (RFC 7386). */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return structuredClone(patch);
  const base: Record<string, unknown> = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...structuredClone(target) as Record<string, unknown> } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete base[name];
    else base[name] = merged(base[name], value);
  }
  return base;
}
