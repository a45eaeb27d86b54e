package state_test

import (
	"testing"

	"coremachine/internal/state"
)

func TestFingerprintsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()

	for _, f := range []state.Fingerprint{1, -1, 0x7fffffffffffffff, -0x8000000000000000} {
		text := f.String()
		if got, ok := state.ParseFingerprint(text); !ok || got != f || len(text) != state.FingerprintLen {
			t.Errorf("%d is %s, read as %d, %v", int64(f), text, int64(got), ok)
		}
	}

	for _, bad := range []string{
		"", "0000000000000000", "00000000000000FF", "ff", "00000000000000fg", "+0000000000000ff",
		"000000000000000ff",
	} {
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
