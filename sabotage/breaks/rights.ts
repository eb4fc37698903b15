import type { Break } from '../break.ts';

const ASKED = 'src/kubernetes/rights.ts';
const WORDS = 'src/model/kube-right.ts';
const PAGE = 'src/model/halts-deploy.ts';
const TESTS = ['test/unit/kubernetes-rights.test.ts'];
const PAGES = [...TESTS, 'test/unit/golden-halts.test.ts'];

/** Vault in pods: what an account may not do, and what it is told then. */
export const rights: readonly Break[] = [
  {
    name: 'missing-right-taken-for-granted', danger: 'a Vault is scaled to 0 by an account that may not delete its claims: it is only stopped',
    file: ASKED, from: '?.status?.allowed !== false;', to: '?.status?.allowed !== undefined;', tests: TESTS,
  },
  {
    name: 'only-the-first-right-asked-for', danger: 'who may scale down and not delete stops Vault and gets no further',
    file: ASKED, from: 'for (const right of rights) if (!(await mayUse(', to: 'for (const right of rights.slice(0, 1)) if (!(await mayUse(', tests: TESTS,
  },
  {
    name: 'claims-not-asked-for', danger: 'the right to delete claims is found missing when Vault is down already',
    file: 'src/steps/empty-storage.ts', from: "...claims.map(({ name }) => ({ verb: 'delete',", to: "...claims.slice(claims.length).map(({ name }) => ({ verb: 'delete',", tests: TESTS,
  },
  {
    name: 'rights-not-asked-for-at-all', danger: 'the first refusal comes in the middle of emptying a Vault',
    file: 'src/steps/empty-storage.ts', from: 'const lacked = await lackedToEmpty(eyes);', to: 'const lacked = await lackedToEmpty(eyes).then(() => undefined);', tests: TESTS,
  },
  {
    name: 'unanswered-review-counts-as-no', danger: 'where reviews are not allowed no lost Vault can be emptied, whatever the account may do',
    file: ASKED, from: 'return status !== 201 || ', to: 'return status === 201 && ', tests: TESTS,
  },
  {
    name: 'right-asked-for-in-every-namespace', danger: 'an account with the least Role is refused the recovery that its Role is for',
    file: ASKED, from: 'resource: kind, subresource, namespace, name }', to: 'resource: kind, subresource, name }', tests: TESTS,
  },
  {
    name: 'right-asked-for-on-any-object', danger: 'an account whose Role names its objects is refused the recovery that its Role is for',
    file: ASKED, from: 'resource: kind, subresource, namespace, name }', to: 'resource: kind, subresource, namespace }', tests: TESTS,
  },
  {
    name: 'subresource-not-asked-for', danger: 'who may list pods is believed to reach them',
    file: ASKED, from: 'resource: kind, subresource, namespace, name }', to: 'resource: kind, namespace, name }', tests: TESTS,
  },
  {
    name: 'refusal-loses-its-namespace', danger: 'the page asks for a ClusterRole where a Role of one namespace would do',
    file: ASKED, from: '...(namespace === undefined ? {} : { namespace }), ...(name', to: '...(name', tests: TESTS,
  },
  {
    name: 'refusal-takes-any-no', danger: 'an exceeded quota is told as a right that is missing, and no Role ever mends it',
    file: ASKED, from: 'if (verb === undefined || resource === undefined || group === undefined) return undefined;', to: '', tests: TESTS,
  },
  {
    name: 'refused-forward-waited-for', danger: 'a port-forward that RBAC refuses looks like a Vault that is down, until the time is over',
    file: ASKED, from: 'if (cause instanceof KubeError && cause.refusal !== undefined) throw', to: 'if (cause instanceof KubeError && cause.refusal === null) throw', tests: TESTS,
  },
  {
    name: 'forbidden-told-as-unreachable', danger: 'the operator looks for a broken network where a rule is missing',
    file: ASKED, from: 'if (refusal !== undefined) return new Halt(', to: 'if (refusal === null) return new Halt(', tests: TESTS,
  },
  {
    name: '403-unread', danger: 'a refusal is an error of the API server like any other, and nobody is told which rule is missing',
    file: 'src/kubernetes/vault-pods.ts', from: 'const refusal = status === 403 ? refusalIn(said) : undefined;', to: 'const refusal = undefined;', tests: TESTS,
  },
  {
    name: 'page-names-no-rule', danger: 'who is refused grants what is at hand: cluster-admin',
    file: PAGE, from: '...new Set(rights.filter((right) => right.namespace === namespace).map((right) => `  ${ruleOf(right)}`)),', to: '', tests: PAGES,
  },
  {
    name: 'rule-of-another-group', danger: 'the rule that the page gives to paste grants nothing',
    file: WORDS, from: 'return `- {apiGroups: ["${group}"],', to: 'return `- {apiGroups: [""],', tests: TESTS,
  },
  {
    name: 'rule-for-every-object', danger: 'the page has an operator grant the deletion of every claim in the namespace',
    file: WORDS, from: '`, resourceNames: [${name}]`', to: "''", tests: PAGES,
  },
  {
    name: 'create-bound-to-a-name', danger: 'the rule that the page gives to paste never matches, for what is created has no name yet',
    file: WORDS, from: " || (verb === 'create' && !resource.includes('/')) ? '' :", to: " ? '' :", tests: TESTS,
  },
  {
    name: 'forward-without-create', danger: 'a Role that is mended as the page says is refused by the next version of Kubernetes',
    file: WORDS, from: "? 'get, create' : verb;", to: '? verb : verb;', tests: TESTS,
  },
  {
    name: 'can-i-asks-for-the-operator', danger: 'the operator, who may do everything, is told yes and runs into the same no again',
    file: WORDS, from: '...(user === undefined ? [] : [`--as ${user}`])', to: '...[]', tests: TESTS,
  },
  {
    name: 'can-i-asks-elsewhere', danger: 'the question that is to prove the mended right asks about another namespace',
    file: WORDS, from: '...(namespace === undefined ? [] : [`--namespace ${namespace}`]), ', to: '', tests: TESTS,
  },
];
