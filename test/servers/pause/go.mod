// What holds a pod's namespaces together, and the pod of tests that need one which does nothing.
module vaultctl.test/servers/pause

go 1.24.0
