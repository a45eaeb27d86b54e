package state_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"coremachine/internal/state"
)

func TestJobIDIsTheHashOfTypeAndParameters(t *testing.T) {
	t.Parallel()

	id := state.NewJobID("hello_world", []byte(`{"n":3}`))
	// printf 'hello_world\0{"n":3}' | sha256sum
	if got, want := id.String(), "372d26fac9f2c269a01e062b749957aa4f425d937856329aa5799fc74fe87eb5"; got != want {
		t.Errorf("id = %s, want %s", got, want)
	}

	if id == state.NewJobID("hello_worl", []byte(`d{"n":3}`)) {
		t.Error("the separator does not keep type and parameters apart")
	}

	back, err := state.ParseJobID(id.String())
	if err != nil || back != id {
		t.Errorf("ParseJobID(%s) = %s, %v", id, back, err)
	}
}

func TestParseJobIDIsStrict(t *testing.T) {
	t.Parallel()

	good := strings.Repeat("0f", 32)
	for _, bad := range []string{"", good[1:], good + "0", strings.ToUpper(good), strings.Replace(good, "0", "g", 1), strings.Repeat("é", 32)} {
		_, err := state.ParseJobID(bad)

		var e *state.Error
		if !errors.As(err, &e) || e.Code != state.CodeInvalid || len(e.Fields) != 1 ||
			e.Fields[0].Field != "job_id" {
			t.Errorf("ParseJobID(%q) = %v, want code invalid that names job_id", bad, err)
		}
	}
}

func TestBackoffGrowsToItsCap(t *testing.T) {
	t.Parallel()

	b := state.Backoff{Attempts: 12, Base: 50 * time.Millisecond, Factor: 2, Cap: 2 * time.Second}

	want := []int64{50, 100, 200, 400, 800, 1600, 2000, 2000}
	for i, w := range want {
		if got := b.Delay(i+1, 0.5).Milliseconds(); got != w {
			t.Errorf("Delay(%d) = %d ms, want %d", i+1, got, w)
		}
	}

	if b.Exhausted(11) || !b.Exhausted(12) {
		t.Error("12 attempts are spent by the 12th failure, not before")
	}
}

func TestBackoffIsNeverNegativeNorOverItsCap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := state.Backoff{
			Attempts: 1,
			Base:     time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "base")),
			Factor:   rapid.Float64Range(1, 1e9).Draw(t, "factor"),
			Cap: time.Duration(
				rapid.Int64Range(1, 1<<45).Draw(t, "cap"),
			),
			Jitter: rapid.Float64Range(0, 1).Draw(t, "jitter"),
		}

		d := b.Delay(
			rapid.IntRange(-1, 1<<30).Draw(t, "failures"),
			rapid.Float64Range(0, 0.999).Draw(t, "random"),
		)
		if d < 0 || d > b.Cap {
			t.Errorf("Delay = %s with cap %s", d, b.Cap)
		}
	})
}

func TestErrorsAreComparedByCode(t *testing.T) {
	t.Parallel()

	err := fmt.Errorf(
		"above: %w",
		state.Wrap(state.CodeNotFound, "state.Test", "no such job", errors.New("cause")),
	)
	if !errors.Is(err, &state.Error{Code: state.CodeNotFound}) ||
		errors.Is(err, &state.Error{Code: state.CodeInvalid}) {
		t.Error("errors.Is does not go by the code")
	}

	if got := state.CodeOf(err); got != state.CodeNotFound {
		t.Errorf("CodeOf = %s", got)
	}

	if got := state.CodeOf(errors.New("plain")); got != state.CodeInternal {
		t.Errorf("CodeOf of a plain error = %s", got)
	}
}

func TestCleanTextIsStorable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := string(
			rapid.SliceOf(rapid.Byte()).Draw(t, "in"),
		) + strings.Repeat(
			"\x00é",
			rapid.IntRange(0, 3000).Draw(t, "more"),
		)

		out := state.CleanText(in)
		if !utf8.ValidString(out) || strings.ContainsRune(out, 0) || len(out) > state.MaxErrorText {
			t.Errorf("CleanText left %q", out)
		}
	})
}

func TestFingerprintsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()

	for _, f := range []state.Fingerprint{1, -1, 0x7fffffffffffffff, -0x8000000000000000} {
		text := f.String()
		if got, ok := state.ParseFingerprint(text); !ok || got != f || len(text) != state.FingerprintLen {
			t.Errorf("%d is %s, read as %d, %v", int64(f), text, int64(got), ok)
		}
	}

	for _, bad := range []string{"", "0000000000000000", "00000000000000FF", "ff", "00000000000000fg", "+0000000000000ff", "000000000000000ff"} {
		if got, ok := state.ParseFingerprint(bad); ok {
			t.Errorf("%q is read as %d", bad, int64(got))
		}
	}

	var f state.Fingerprint = 7
	if err := f.UnmarshalText(nil); err != nil || f != 0 {
		t.Errorf("no text is %d, %v", int64(f), err)
	}

	if err := f.UnmarshalText([]byte("x")); state.CodeOf(err) != state.CodeInvalid {
		t.Errorf("x is %v", err)
	}
}

func TestIdempotencyKeysDifferByIncarnation(t *testing.T) {
	t.Parallel()

	id := state.NewJobID("hello_world", []byte(`{}`))

	first, second := state.IdempotencyKey(id, 1, 0, 1, 7), state.IdempotencyKey(id, 2, 0, 1, 7)

	if want := id.String() + "/1/0/1/7"; first != want {
		t.Errorf("the key is %q, want %q", first, want)
	}

	if first == second {
		t.Errorf("two incarnations share the key %q", first)
	}
}
