package pgtest

import (
	"testing"
	"time"
)

// Patience returns how long a test should wait for something that must happen:
// most, or less if the time limit of the test binary ends sooner. The test then
// fails and says what it waited for, instead of being killed.
func Patience(t testing.TB, most time.Duration) time.Duration {
	t.Helper()

	if t, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if end, limited := t.Deadline(); limited {
			return min(most, time.Until(end)*3/4)
		}
	}

	return most
}
