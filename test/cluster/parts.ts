// Everything that a cluster is made of, found or built: the programs, and the images of the pods.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clusterPrograms, unbuiltPrograms } from '../../scripts/setup/cluster-programs.mjs';
import { clusterTools, debianTools } from '../../scripts/setup/debian.mjs';
import type { Component } from './components.ts';
import { type Image, type ImageNames, clusterImages } from './images.ts';
import { whyNoNamespaces } from './namespaces.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

type Program = Component | 'runc' | 'host-local' | 'ctr' | 'pause' | 'open-volumes' | 'kubectl' | 'helm3' | 'helm4';

export interface ClusterPrograms {
  readonly programs: { readonly [name in Program]: string };
  readonly images: { readonly [name in keyof ImageNames]: Image };
  /** Where the archives of the images are kept. */
  readonly archives: string;
}

let found: Promise<ClusterPrograms> | undefined;

/** Installs and builds what is missing: a quarter of an hour the first time, half a second afterwards. */
export function clusterParts(): Promise<ClusterPrograms> {
  found ??= (async () => {
    const tools = await debianTools(clusterTools);
    const tool = (name: string): string => tools[name] ?? (() => { throw new Error(`${name} is missing`); })();
    const built = await clusterPrograms(repository);
    const { coredns: _coredns, vault: _vault, ...programs } = Object.fromEntries(Object.entries(built).map(([name, { path }]) => [name, path])) as Record<keyof typeof built, string>;
    return {
      programs: {
        ...programs, etcd: tool('etcd'), containerd: tool('containerd'), runc: tool('runc'), 'host-local': tool('host-local'),
        ctr: join(dirname(tool('containerd')), 'ctr'),
      },
      images: clusterImages(built, tool('busybox')),
      archives: join(dirname(dirname(built.pause.path)), 'images'),
    };
  })();
  return found;
}

/** Why no cluster can run on this machine, or undefined where it can. */
export function whyNoCluster(): string | undefined {
  return whyNoNamespaces();
}

/** What the first start would build, in the words of messages. */
export const stillToBuild = (): string[] => unbuiltPrograms(repository);
