/** What RBAC grants: one verb on one kind of object. */
export interface KubeRight {
  readonly verb: string;
  /** Empty for the core group. */
  readonly group: string;
  /** With its subresource: `pods/portforward`. */
  readonly resource: string;
  /** Undefined for what is in no namespace. */
  readonly namespace?: string;
  /** One object; undefined where any of them is meant. */
  readonly name?: string;
}

/** `statefulsets.apps`, as kubectl names a kind, and the subresource apart. */
function kindOf({ group, resource }: KubeRight): { readonly kind: string; readonly sub: string | undefined } {
  const [plural, sub] = resource.split('/');
  return { kind: `${plural}${group === '' ? '' : `.${group}`}`, sub };
}

/** `patch statefulsets.apps vault in namespace vault` */
export function inWords(right: KubeRight): string {
  const { verb, namespace, name } = right;
  const { kind, sub } = kindOf(right);
  return `${verb} ${kind}${sub === undefined ? '' : `/${sub}`}${name === undefined ? '' : ` ${name}`}${namespace === undefined ? '' : ` in namespace ${namespace}`}`;
}

/** As a rule of a Role or ClusterRole, on one line. A server from 1.35 on wants both verbs for a port-forward over a websocket. */
export function ruleOf({ verb, group, resource, name }: KubeRight): string {
  const verbs = resource === 'pods/portforward' ? 'get, create' : verb;
  // A right to create cannot be bound to a name: the object is not there yet.
  const names = name === undefined || resource === 'pods/portforward' || (verb === 'create' && !resource.includes('/')) ? '' : `, resourceNames: [${name}]`;
  return `- {apiGroups: ["${group}"], resources: [${resource}], verbs: [${verbs}]${names}}`;
}

/** Asks Kubernetes whether somebody has it. */
export function canI(right: KubeRight, user: string | undefined): string {
  const { verb, namespace, name } = right;
  const { kind, sub } = kindOf(right);
  return ['kubectl auth can-i', verb, `${kind}${name === undefined ? '' : `/${name}`}`, ...(sub === undefined ? [] : [`--subresource=${sub}`]),
    ...(namespace === undefined ? [] : [`--namespace ${namespace}`]), ...(user === undefined ? [] : [`--as ${user}`])].join(' ');
}

/** Which manifest of deploy/kubernetes grants it; undefined for what an inventory asks for beside (its manifests, its Secret). */
export function shippedIn({ verb, resource }: KubeRight): string | undefined {
  if (resource === 'serviceaccounts/token') return 'rbac-verify.yaml';
  if (resource === 'events' || resource === 'pods/log' || (resource === 'persistentvolumeclaims' && verb === 'get')) return 'rbac-install.yaml';
  if (resource === 'persistentvolumes' || (verb === 'patch' || verb === 'get') && resource === 'statefulsets' || verb === 'delete' && /^(?:pods|persistentvolumeclaims)$/.test(resource)) return 'rbac-recover.yaml';
  const daily = verb === 'list' && /^(?:pods|statefulsets|persistentvolumeclaims)$/.test(resource) || resource === 'pods/portforward' || resource === 'leases';
  return daily ? 'rbac.yaml' : undefined;
}
