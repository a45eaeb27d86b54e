package state_test

import (
	"errors"
	"strings"
	"testing"

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
	for _, bad := range []string{
		"", good[1:], good + "0", strings.ToUpper(good), strings.Replace(good, "0", "g", 1),
		strings.Repeat("é", 32),
	} {
		_, err := state.ParseJobID(bad)

		var e *state.Error
		if !errors.As(err, &e) || e.Code != state.CodeInvalid || len(e.Fields) != 1 ||
			e.Fields[0].Field != "job_id" {
			t.Errorf("ParseJobID(%q) = %v, want code invalid that names job_id", bad, err)
		}
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
