/** Sees to it that every named tool is there; returns the path of each that is (a tool for root alone may not be). */
export function debianTools(names: readonly string[]): Promise<Record<string, string | undefined>>;
/** What a one-node Kubernetes needs of Debian. */
export const clusterTools: readonly string[];
