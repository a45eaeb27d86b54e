package repo_test

import (
	"strings"
	"testing"

	"coremachine/internal/repo"
	"coremachine/internal/state"
)

// TestOpenRejectsAddressWithoutRepeatingIt opens addresses that are not
// connection strings. The error must not contain the address, since it can
// contain a password.
func TestOpenRejectsAddressWithoutRepeatingIt(t *testing.T) {
	t.Parallel()

	for _, url := range []string{"postgres://u:secret@host:port/db", "postgres://u:secret@host/db?sslmode=odd"} {
		r, err := repo.Open(t.Context(), repo.Config{URL: url})
		if err == nil {
			r.Close()
		}

		if state.CodeOf(err) != state.CodeInvalid || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want an Error with CodeInvalid without the address", url, err)
		}
	}
}
