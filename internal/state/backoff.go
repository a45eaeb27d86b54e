package state

import (
	"math"
	"time"
)

// Backoff is a task type's retry policy. The zero value is not usable; start
// from DefaultBackoff.
type Backoff struct {
	Attempts int           // tries in all, the first included; at least 1
	Base     time.Duration // wait before the second try
	Factor   float64       // each later wait is the one before times Factor; at least 1
	Cap      time.Duration // no wait is longer
	Jitter   float64       // share of the wait drawn at random, 0 (none) to 1 (all of it)
}

// DefaultBackoff is five attempts, 1 s doubling up to 1 min, a fifth of it
// jitter.
var DefaultBackoff = Backoff{Attempts: 5, Base: time.Second, Factor: 2, Cap: time.Minute, Jitter: 0.2}

// Delay is the wait after the failures-th unsuccessful attempt (1 is the
// first). random is drawn from [0, 1) by the caller, so that the formula is a
// pure function: wait = min(Cap, Base*Factor^(failures-1)), of which the share
// Jitter is scaled by random.
func (b Backoff) Delay(failures int, random float64) time.Duration {
	if failures < 1 {
		failures = 1
	}

	wait := float64(b.Base) * math.Pow(b.Factor, float64(failures-1))
	if limit := float64(b.Cap); b.Cap > 0 && (wait > limit || math.IsInf(wait, 0) || math.IsNaN(wait)) {
		wait = limit
	}

	wait -= wait * b.Jitter * random
	if wait < 0 || wait > float64(math.MaxInt64/2) {
		return b.Cap
	}

	return time.Duration(wait)
}

// Exhausted reports whether a task with that many failures has no attempt left.
func (b Backoff) Exhausted(failures int) bool { return failures >= b.Attempts }
