import type { Break } from './break.ts';
import { disk } from './breaks/disk.ts';
import { files } from './breaks/files.ts';
import { install } from './breaks/install.ts';
import { kubeconfig } from './breaks/kubeconfig.ts';
import { kubernetes } from './breaks/kubernetes.ts';
import { lock } from './breaks/lock.ts';
import { remote } from './breaks/remote.ts';
import { rights } from './breaks/rights.ts';
import { rotate } from './breaks/rotate.ts';
import { secrets } from './breaks/secrets.ts';
import { truth } from './breaks/truth.ts';
import { wire } from './breaks/wire.ts';

/** Every break there is, by theme. */
export const breaks: readonly Break[] = [...disk, ...remote, ...files, ...lock, ...install, ...rotate, ...truth, ...wire, ...kubernetes, ...kubeconfig, ...rights, ...secrets];
