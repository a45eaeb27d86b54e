package repo_test

import (
	"crypto/sha256"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/repo"
	"coremachine/internal/test/pgtest"
)

// TestOtherPartUnderUsedNumberIsRefused stores a part, the same again, and
// another one under its number.
func TestOtherPartUnderUsedNumberIsRefused(t *testing.T) {
	t.Parallel()

	pool, err := pgxpool.New(t.Context(), pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(pool.Close)
	r := repo.New(pool)

	_, worker, held := heldMessages(t, pool, "emit", 1, 1)
	for _, tt := range []struct {
		data   string
		stored bool
	}{{`"a"`, true}, {`"a"`, true}, {`"b"`, false}} {
		fate, err := r.EmitPart(t.Context(), worker, held[0], 0, 0, []byte(tt.data))
		if err != nil || !fate.Held || fate.Stored != tt.stored {
			t.Errorf("%s: got %+v, %v; want stored %t", tt.data, fate, err, tt.stored)
		}

		if first := sha256.Sum256([]byte(`"a"`)); !tt.stored && fate.Found != first {
			t.Errorf("%s: the digest is %x, want that of the first part", tt.data, fate.Found)
		}
	}
}
