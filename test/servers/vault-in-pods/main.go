// The Vault of the pods: what `-tags minimal` builds, and Kubernetes auth beside it. The full build has that too,
// but brings all cloud and database plugins with it: three times the size and twice the time to build, for one
// plugin of 30 files. The version of the plugin is the one that Vault's own go.mod asks for.
package main

import (
	"os"
	"reflect"
	"unsafe"

	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	"github.com/hashicorp/vault/command"
	"github.com/hashicorp/vault/helper/builtinplugins"
	"github.com/hashicorp/vault/sdk/logical"
)

func main() {
	addKubernetesAuth()
	os.Exit(command.Run(os.Args[1:]))
}

// addKubernetesAuth puts the plugin where the full build has it. The registry keeps its maps to itself, hence
// reflection; a Vault that keeps them otherwise panics here, before it serves anything.
func addKubernetesAuth() {
	field := reflect.ValueOf(builtinplugins.Registry).Elem().FieldByName("credentialBackends")
	backends := reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
	backend := reflect.New(backends.Type().Elem()).Elem()
	backend.FieldByName("Factory").Set(reflect.ValueOf(logical.Factory(kubernetes.Factory)))
	backends.SetMapIndex(reflect.ValueOf("kubernetes"), backend)
}
