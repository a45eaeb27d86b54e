package state_test

import (
	"encoding/json"
	"testing"

	"coremachine/internal/state"
)

func TestMemberFollowsAPath(t *testing.T) {
	t.Parallel()

	const object = `{"a":{"b":[1.50],"c":null},"d":"x"}`

	for path, want := range map[string]string{
		"a.b": `[1.50]`, "d": `"x"`, "a": `{"b":[1.50],"c":null}`,
		"a.c": "", "a.d": "", "e": "", "a.b.c": "", "d.e": "", "": "",
	} {
		if got := state.Member(json.RawMessage(object), path); string(got) != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}

	for _, bad := range []string{"", "null", "[]", "1", "{"} {
		if got := state.Member(json.RawMessage(bad), "a"); got != nil {
			t.Errorf("%q: got %q, want nothing", bad, got)
		}
	}
}
