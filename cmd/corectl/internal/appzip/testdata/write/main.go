// The command write writes the package of the app. The test starts it without
// the race detector, which makes the compression of the executable take a minute.
// It may import appzip only.
package main

import (
	"fmt"
	"os"

	"coremachine/cmd/corectl/internal/appzip"
)

func main() {
	root, executable, file := os.Args[1], os.Args[2], os.Args[3]

	w, err := os.Create(file)
	if err == nil {
		err = appzip.Write(w, root, executable)
	}

	if err == nil {
		err = w.Close()
	}

	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
