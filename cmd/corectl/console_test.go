package main

import (
	"testing"

	"coremachine/internal/client"
)

func TestHintsCanBePasted(t *testing.T) {
	t.Parallel()

	const other = "http://127.0.0.1:9000/api"

	for _, c := range []struct{ program, api, want string }{
		{"", client.Default, "corectl"},
		{"./bin/corectl", client.Default, "./bin/corectl"},
		{"./bin/corectl", other, "./bin/corectl --url " + other},
		{programName("corectl"), other, "corectl --url " + other},
	} {
		a := &app{console: &console{program: c.program}}
		if got := a.commandTo(c.api); got != c.want {
			t.Errorf("%s at %s: got %q, want %q", c.program, c.api, got, c.want)
		}
	}

	if got, want := programName("/tmp/go-build1/b001/exe/corectl"), "go run coremachine/cmd/corectl"; got != want {
		t.Errorf("after go run: got %q, want %q", got, want)
	}
}
