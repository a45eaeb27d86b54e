package blobstore_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/blobstore"
	"coremachine/internal/handlers"
	"coremachine/internal/test/blobtest"
)

func TestBlobsAreReadAndWrittenLikeInAzure(t *testing.T) {
	t.Parallel()

	server := blobtest.Azurite(t)
	if _, err := blobtest.Client(t, server.Connection()).CreateContainer(t.Context(), "suite", nil); err != nil {
		t.Fatal(err)
	}

	blobtest.Suite(t, open(t, blobstore.Options{Connection: server.Connection()}), "suite")
}

func TestThrottledReadsAndWritesAreTriedThreeTimes(t *testing.T) {
	t.Parallel()

	server := blobtest.Azurite(t)
	if _, err := blobtest.Client(t, server.Connection()).CreateContainer(t.Context(), "some", nil); err != nil {
		t.Fatal(err)
	}

	var requests, refused atomic.Int64

	s := open(t, blobstore.Options{
		PageDelay: time.Millisecond,
		Connection: blobtest.Refusing(t, server, func(*http.Request) *blobtest.Refusal {
			if requests.Add(1) <= refused.Load() {
				return &blobtest.Refusal{Status: http.StatusServiceUnavailable, Code: "ServerBusy"}
			}

			return nil
		}),
	})

	p := make([]byte, 1)

	for _, one := range []struct {
		name string
		run  func() error
	}{
		{"put", func() error {
			_, err := s.Put(t.Context(), "some", "blob", []byte("a"), handlers.WriteOptions{})
			return err
		}},
		{"stat", func() error { _, err := s.Stat(t.Context(), "some", "blob"); return err }},
		{"read", func() error { return s.ReadAt(t.Context(), "some", "blob", "", p, 0) }},
		{"stage", func() error { return s.Stage(t.Context(), "some", "blob", "id", []byte("b")) }},
		{"blocks", func() error { _, err := s.Blocks(t.Context(), "some", "blob"); return err }},
		{"commit", func() error {
			_, err := s.Commit(t.Context(), "some", "blob", []string{"id"}, handlers.WriteOptions{})
			return err
		}},
		{"delete", func() error { return s.Delete(t.Context(), "some", "blob", "") }},
	} {
		requests.Store(0)
		refused.Store(2)

		if err := one.run(); err != nil || requests.Load() != 3 {
			t.Errorf("%s: got %v after %d requests, want success after 3", one.name, err, requests.Load())
		}

		requests.Store(0)
		refused.Store(3)

		if err := one.run(); !errors.Is(err, handlers.ErrStorageBusy) || requests.Load() != 3 {
			t.Errorf("%s: got %v after %d requests, want ErrStorageBusy after 3", one.name, err, requests.Load())
		}
	}
}
