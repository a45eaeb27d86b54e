package blobfake_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"coremachine/internal/handlers"
	"coremachine/internal/test/blobfake"
	"coremachine/internal/test/blobtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFakeBehavesLikeAzure(t *testing.T) {
	t.Parallel()
	blobtest.Suite(t, blobfake.New("suite"), "suite")
}

func TestHooksRefuseAndLoseAnswers(t *testing.T) {
	t.Parallel()

	a := blobfake.New("c")
	fault := errors.New("a fault")
	a.Before = func(_ context.Context, r blobfake.Request) error {
		if r.Op == blobfake.Put {
			return fault
		}

		return nil
	}

	if _, err := a.Put(t.Context(), "c", "b", []byte("x"), handlers.WriteOptions{}); !errors.Is(err, fault) {
		t.Errorf("got %v, want the fault", err)
	}

	a.Before, a.After = nil, a.Before

	if _, err := a.Put(t.Context(), "c", "b", []byte("x"), handlers.WriteOptions{}); !errors.Is(err, fault) {
		t.Errorf("got %v, want the fault", err)
	}

	if names, _ := a.Names("c"); len(names) != 1 {
		t.Errorf("the put whose answer was lost left %q, want one blob", names)
	}
}

// TestPutDiscardsStagedBlocks is not in the suite, because Azurite keeps them.
func TestPutDiscardsStagedBlocks(t *testing.T) {
	t.Parallel()

	a := blobfake.New("c")
	if err := a.Stage(t.Context(), "c", "b", "id", []byte("x")); err != nil {
		t.Fatal(err)
	}

	if _, err := a.Put(t.Context(), "c", "b", []byte("y"), handlers.WriteOptions{}); err != nil {
		t.Fatal(err)
	}

	_, err := a.Commit(t.Context(), "c", "b", []string{"id"}, handlers.WriteOptions{})
	if !errors.Is(err, handlers.ErrNoBlock) {
		t.Errorf("got %v, want ErrNoBlock", err)
	}
}

func TestStagedBlocksAreLimited(t *testing.T) {
	t.Parallel()

	a := blobfake.New("c")

	var id [3]byte

	for i := range handlers.MaxStagedBlocks {
		id = [3]byte{byte(i >> 16), byte(i >> 8), byte(i)}
		if err := a.Stage(t.Context(), "c", "b", string(id[:]), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}

	if err := a.Stage(t.Context(), "c", "b", "zzz", []byte("x")); !errors.Is(err, handlers.ErrBlockLimit) {
		t.Errorf("block 100,001: got %v, want ErrBlockLimit", err)
	}
}
