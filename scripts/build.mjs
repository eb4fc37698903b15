// Bundles src/main.ts into dist/ as lazy chunks: `--version` must not pay for ssh2 or the Kubernetes client.
