package state_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"coremachine/internal/state"
)

func sample(t *rapid.T) state.Message {
	var id state.JobID
	copy(id[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "id"))
	id[0] = 1

	return state.Message{
		V:         state.EnvelopeVersion,
		JobID:     id,
		MessageID: rapid.Int64Min(1).Draw(t, "message"),
		Queue:     state.QueueTasks,
		Kind:      state.MessageKind(rapid.IntRange(1, 100).Draw(t, "kind")),
		Stage:     rapid.IntRange(0, 32767).Draw(t, "stage"),
		Gen:       rapid.IntRange(1, 1<<31-1).Draw(t, "gen"),
		First: rapid.IntRange(0, 1<<31-1).
			Draw(t, "first"),
		Count: rapid.IntRange(1, 100_000).Draw(t, "count"),
		Attempt: rapid.IntRange(0, 1<<31-1).
			Draw(t, "attempt"),
		Send: rapid.IntRange(1, 1<<31-1).Draw(t, "send"),
	}
}

func TestEnvelopeRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := sample(t)

		b, err := state.EncodeMessage(want)
		if err != nil {
			t.Fatal(err)
		}

		got, err := state.DecodeMessage(b)
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(state.Message{})); diff != "" {
			t.Error(diff)
		}

		if id := got.TransportID(); len(id) > state.MaxTransportID {
			t.Errorf("transport id has %d characters: %s", len(id), id)
		}
	})
}

func TestEnvelopeKeepsUnknownFields(t *testing.T) {
	t.Parallel()

	id := strings.Repeat("ab", 32)
	in := `{"v":7,"job_id":"` + id + `","message_id":3,"queue":2,"kind":2,"stage":1,"gen":1,` +
		`"first":0,"count":1,"attempt":0,"send":1,"tenant":{"a":[1]}}`

	m, err := state.DecodeMessage([]byte(in))
	if err != nil {
		t.Fatal(err)
	}

	out, err := state.EncodeMessage(m)
	if err != nil {
		t.Fatal(err)
	}

	var fields map[string]json.RawMessage
	if err := json.Unmarshal(out, &fields); err != nil {
		t.Fatal(err)
	}

	if got := string(fields["tenant"]); got != `{"a":[1]}` {
		t.Errorf("tenant = %s, want it kept", got)
	}

	if got := string(fields["v"]); got != "7" {
		t.Errorf("v = %s, want 7", got)
	}
}

func TestDecodeMessageRefusesWhatIsNotOurs(t *testing.T) {
	t.Parallel()

	for _, in := range []string{
		"", "null", "{}", "[]", `{"v":1}`, "\x00", `{"v":1,"job_id":"zz","message_id":1,"kind":2}`,
	} {
		if _, err := state.DecodeMessage(
			[]byte(in),
		); !errors.Is(
			err,
			&state.Error{Code: state.CodeMalformed},
		) {
			t.Errorf("DecodeMessage(%q) = %v, want code malformed", in, err)
		}
	}
}

func FuzzDecodeMessage(f *testing.F) {
	f.Add([]byte(`{"v":1,"job_id":"` + strings.Repeat("0a", 32) + `","message_id":1,"kind":2,"x":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := state.DecodeMessage(b)
		if err != nil {
			return
		}

		out, err := state.EncodeMessage(m)
		if err != nil {
			t.Fatalf("a decoded message cannot be encoded: %v", err)
		}

		again, err := state.DecodeMessage(out)
		if err != nil {
			t.Fatalf("an encoded message cannot be decoded: %v", err)
		}

		if again.TransportID() != m.TransportID() {
			t.Errorf("the round trip changed %s to %s", m.TransportID(), again.TransportID())
		}
	})
}
