// Open-volumes lets every user write into each folder that appears in the one it is given. The API's own provisioner
// of host paths makes them for root alone and ignores a pod's fsGroup, and Vault's pods do not run as root.
package main

import (
	"log"
	"os"
	"path/filepath"
	"syscall"
)

func main() {
	folder := os.Args[1]
	watch, err := syscall.InotifyInit()
	if err == nil {
		_, err = syscall.InotifyAddWatch(watch, folder, syscall.IN_CREATE)
	}
	if err != nil {
		log.Fatalf("cannot watch %s: %v", folder, err)
	}
	events := make([]byte, 64*1024)
	for {
		// Which folders are new is seen by looking: an event tells only that it is time to look.
		volumes, err := filepath.Glob(filepath.Join(folder, "*"))
		if err != nil {
			log.Fatal(err)
		}
		for _, volume := range volumes {
			if err := os.Chmod(volume, 0o777); err != nil && !os.IsNotExist(err) {
				log.Print(err)
			}
		}
		if _, err := syscall.Read(watch, events); err != nil && err != syscall.EINTR {
			log.Fatal(err)
		}
	}
}
