package blobstore_test

import (
	"bytes"
	"testing"
	"time"

	"coremachine/internal/blobstore"
	"coremachine/internal/test/blobtest"
)

// TestRepeatedWriteHasABodyOfItsOwn refuses writes before their body is read,
// so that the next try begins while the connection of the first still sends.
func TestRepeatedWriteHasABodyOfItsOwn(t *testing.T) {
	t.Parallel()

	block := bytes.Repeat([]byte("abc"), 3<<20)

	for range 5 {
		var got []byte

		s := open(t, blobstore.Options{
			PageDelay: time.Nanosecond,
			Connection: blobtest.Early(t, 2, func(body []byte, err error) {
				if err == nil {
					got = body
				}
			}),
		})

		if err := s.Stage(t.Context(), "some", "blob", "id", block); err != nil {
			t.Fatal(err)
		}

		if !bytes.Equal(got, block) {
			t.Fatalf("storage got %d other bytes", len(got))
		}
	}
}
