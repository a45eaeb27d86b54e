package state

import (
	"fmt"
	"strconv"
)

// Fingerprint is the same for all errors that differ only in ids and numbers;
// the database makes it. 0 is none. People and programs see FingerprintLen hex
// digits.
type Fingerprint int64

// FingerprintLen is the length of a fingerprint as text.
const FingerprintLen = 16

func (f Fingerprint) String() string {
	if f == 0 {
		return ""
	}

	return fmt.Sprintf("%016x", uint64(f))
}

// MarshalText writes what String says.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*f = 0
		return nil
	}

	got, ok := ParseFingerprint(string(text))
	if !ok {
		return Errorf(CodeInvalid, "state.Fingerprint", "%q is not a fingerprint", text)
	}

	*f = got

	return nil
}

// ParseFingerprint reads FingerprintLen lower-case hex digits.
func ParseFingerprint(s string) (Fingerprint, bool) {
	n, err := strconv.ParseUint(s, 16, 64)
	f := Fingerprint(n)

	return f, err == nil && f != 0 && f.String() == s
}
