// What a one-node Kubernetes is made of, as far as it is built here; etcd, containerd and runc come from Debian.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cachedPath, goBuilt, versionInGoMod } from './go-build.mjs';
import { isProgram } from './run.mjs';

const kubernetes = 'k8s.io/kubernetes';
const vault = 'github.com/hashicorp/vault';
const coredns = 'github.com/coredns/coredns';
const common = ['-mod=readonly', '-trimpath'];
const small = ['-ldflags', '-s -w'];
const instead = '';

/** How long each takes on two cores when nothing is compiled yet, in the order in which they share what they compile. */
const ofKubernetes = {
  'kube-apiserver': '3 to 6 minutes', 'kube-controller-manager': '1 to 2 minutes', 'kube-scheduler': '10 s',
  kubelet: '30 s to 1 minute', 'kube-proxy': '10 s', kubectl: '30 s',
};

/** Every program to build, by the name that the cluster calls it. */
function wantedPrograms(repository) {
  const servers = join(repository, 'test/servers');
  const textOf = (...path) => readFileSync(join(servers, ...path), 'utf8');
  const version = versionInGoMod(join(servers, 'kubernetes'), kubernetes);
  const partsOfKubernetes = Object.entries(ofKubernetes).map(([program, usually]) => [program, {
    what: program, module: join(servers, 'kubernetes'), package: `${kubernetes}/cmd/${program}`, keptAs: program, program, version,
    flags: [...common, '-ldflags', `-s -w ${stamp(version)}`], usually, packages: '1,400', why: 'a real Kubernetes is run here', instead,
  }]);
  return Object.fromEntries([
    ...partsOfKubernetes,
    ['coredns', {
      what: 'CoreDNS', module: join(servers, 'coredns'), package: '.', keptAs: 'coredns', program: 'coredns',
      version: versionInGoMod(join(servers, 'coredns'), coredns), flags: [...common, ...small], sources: [textOf('coredns/main.go')],
      usually: '30 s to 2 minutes', packages: '700', why: 'pods find each other by name', instead,
    }],
    ...[['pause', '.', 'it holds the namespaces of a pod'], ['open-volumes', './open-volumes', 'pods that do not run as root may write their volumes']].map(([program, name, why]) => [program, {
      what: program, module: join(servers, 'pause'), package: name, keptAs: program, program,
      version: '1', flags: [...common, ...small], sources: [textOf('pause', name, 'main.go')],
      usually: '10 s', packages: '60', why, instead,
    }]),
    ['vault', {
      what: 'Vault with Kubernetes auth', module: servers, package: './vault-in-pods', keptAs: 'vault-in-pods', program: 'vault',
      version: versionInGoMod(servers, vault), flags: [...common, '-tags', 'minimal', ...small], sources: [textOf('vault-in-pods/main.go')],
      usually: '1 minute after the Vault of the other tests, else 4 to 8,', packages: '1,900', why: 'the pods of the cluster run it', instead,
    }],
    ...['3', '4'].map((major) => [`helm${major}`, helm(major, join(servers, `helm${major}`))]),
  ]);
}

function helm(major, module) {
  const name = `helm.sh/helm/v${major}`;
  const version = versionInGoMod(module, name);
  return {
    what: `helm ${major}`, module, package: `${name}/cmd/helm`, keptAs: `helm${major}`, program: 'helm', version,
    flags: [...common, '-ldflags', `-s -w -X ${name}/internal/version.version=v${version}`],
    usually: '1 minute', packages: '1,200', why: 'releases are installed with it', instead,
  };
}

/** Without it `kubectl version` names no version, and charts that ask for one are refused. */
function stamp(version) {
  const [major, minor] = version.split('.');
  const fields = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']
    .flatMap((name) => Object.entries(fields).map(([field, value]) => `-X ${name}.${field}=${value}`))
    .join(' ');
}

/** `{ name: { path, version } }` of every program, built one after another where it is not there yet. */
export async function clusterPrograms(repository) {
  const found = {};
  for (const [name, wanted] of Object.entries(wantedPrograms(repository))) found[name] = { path: await goBuilt(wanted), version: wanted.version };
  return found;
}

/** What is not built yet, in the words of the messages: `['kubelet', 'helm 3']`. */
export function unbuiltPrograms(repository) {
  return Object.values(wantedPrograms(repository)).filter((wanted) => !isProgram(cachedPath(wanted))).map(({ what }) => what);
}
